"""docs/database.md names files and tests: they exist, and every rule has its row."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "database.md").read_text("utf-8")
RULES, _, _ = DOCUMENT.partition("## Signing in")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in RULES.splitlines()
    if line.startswith("| ") and not line.startswith(("| rule ", "| --- "))
]
PATHS = sorted(set(re.findall(r"`((?:streams|persistence|migrations|deploy|tests|docs)/[^`:]+)(?:::\w+)?`", DOCUMENT)))
TESTS = sorted(set(re.findall(r"`(tests/[^`:]+)::(\w+)`", DOCUMENT)))
ANCHORS = sorted(set(re.findall(r"\]\(#([\w-]+)\)", DOCUMENT)))


def test_there_is_something_to_check() -> None:
    assert len(ROWS) >= 76
    assert len(TESTS) >= 55


@pytest.mark.parametrize("path", PATHS)
def test_a_file_that_is_named_exists(path: str) -> None:
    assert (ROOT / path).is_file()


@pytest.mark.parametrize(("path", "name"), TESTS)
def test_a_test_that_is_named_exists(path: str, name: str) -> None:
    assert re.search(rf"^(?:async )?def {name}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("anchor", ANCHORS)
def test_a_section_that_is_referred_to_exists(anchor: str) -> None:
    headings = re.findall(r"^#+ (.+)$", DOCUMENT, re.MULTILINE)
    assert anchor in {heading.lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[0])[:40])
def test_each_rule_says_what_is_done_where_and_what_shows_it(row: list[str]) -> None:
    assert len(row) == 4
    assert all(row)
    assert not re.search(r"planned|todo|later release", " ".join(row), re.IGNORECASE)


def test_every_name_in_the_migrations_is_snake_case() -> None:
    named = re.compile(
        r"(?:CREATE TABLE|CREATE INDEX|CREATE OR REPLACE VIEW|ADD COLUMN|ADD CONSTRAINT|^\s+CONSTRAINT)"
        r"(?: CONCURRENTLY)?(?: IF NOT EXISTS)?\s+(\"?\w+\"?)",
        re.MULTILINE,
    )
    names = [name for path in (ROOT / "migrations").glob("*.sql") for name in named.findall(path.read_text("utf-8"))]
    assert len(names) > 15
    assert [name for name in names if not re.fullmatch(r"[a-z][a-z0-9_]*", name)] == []
