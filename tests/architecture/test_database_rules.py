"""docs/database-rules.md has a row for every rule of the guidelines, and each row names a test."""

import re

import pytest

from tests.architecture import documents
from tests.architecture.documents import ROOT, text

DOCUMENT = text("docs/database-rules.md")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in DOCUMENT.splitlines()
    if line.startswith("| ") and not line.startswith(("| rule ", "| --- "))
]


def test_there_is_something_to_check() -> None:
    assert len(ROWS) >= 76
    assert len(documents.tests(DOCUMENT)) >= 55


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[0])[:40])
def test_each_rule_has_a_test_that_shows_it(row: list[str]) -> None:
    rule, shown = row
    assert rule
    assert "`tests/" in shown or "`make lint`" in shown
    assert not re.search(r"planned|todo|later release", shown, re.IGNORECASE)


def test_every_name_in_the_migrations_is_snake_case() -> None:
    named = re.compile(
        r"(?:CREATE TABLE|CREATE INDEX|CREATE OR REPLACE VIEW|ADD COLUMN|ADD CONSTRAINT|^\s+CONSTRAINT)"
        r"(?: CONCURRENTLY)?(?: IF NOT EXISTS)?\s+(\"?\w+\"?)",
        re.MULTILINE,
    )
    names = [name for path in (ROOT / "migrations").glob("*.sql") for name in named.findall(path.read_text("utf-8"))]
    assert len(names) > 15
    assert [name for name in names if not re.fullmatch(r"[a-z][a-z0-9_]*", name)] == []
