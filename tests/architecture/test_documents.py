"""The documents: each is found from the index, and what they name exists."""

import re
import tomllib
from typing import Final

import pytest

from tests.architecture import documents
from tests.architecture.documents import ROOT, text

PAGES: Final = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/**/*.md", "deploy/**/*.md", "tests/**/*.md")
    for path in ROOT.glob(pattern)
)
VALUES: Final = {"AWS_MSK_IAM", "SASL_SSL"}
"""Words that look like settings and are what one may be set to."""


def test_the_index_tells_every_page_once_and_what_it_is_about() -> None:
    rows = re.findall(r"^- \[[^\]]+\]\(([^)]+)\): (.+)$", text("docs/README.md"), re.MULTILINE)
    told = [path for path, about in rows if about.strip()]
    assert len(told) == len(set(told))
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert {path for path in told if path.endswith(".md") and "/" not in path} == pages


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for target, chapter in documents.links(text(page)):
        found = (ROOT / page).parent / target if target else ROOT / page
        assert found.exists(), target
        if chapter:
            assert chapter in documents.anchors(found.read_text("utf-8")), f"{target}#{chapter}"


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_is_named_exists_with_its_options(page: str) -> None:
    wrong = {" ".join(words): documents.unknown_words(words) for words in documents.commands(text(page))}
    assert {call: unknown for call, unknown in wrong.items() if unknown} == {}


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_every_test_that_is_named_exists(page: str) -> None:
    assert [path for path in sorted(documents.paths(text(page))) if not (ROOT / path).exists()] == []
    for path, name in documents.tests(text(page)):
        assert re.search(rf"^(?:async )?def {name}\(", text(path), re.MULTILINE), f"{path}::{name}"


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "docs/getting-started.md", "docs/security.md", "docs/runbook.md"]
)
def test_every_setting_that_is_named_exists(page: str) -> None:
    assert documents.settings_named(text(page)) - documents.known_settings() - VALUES == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_target_of_make_that_is_named_exists(page: str) -> None:
    known = set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))
    assert documents.targets(text(page)) - known == set()


def test_the_readme_counts_the_alerts_and_the_dashboards_rightly() -> None:
    alerts = re.findall(r"^### Petstream", text("docs/runbook.md"), re.MULTILINE)
    dashboards = list((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
    assert len(dashboards) == 3
    assert f"[three dashboards and {len(alerts)} alert rules]" in text("README.md")


def test_every_generator_that_lint_checks_is_in_contributing() -> None:
    checked = re.findall(r"python -m ([\w.]+) --check", text("Makefile"))
    assert set(re.findall(r"^\$ python -m ([\w.]+)", text("CONTRIBUTING.md"), re.MULTILINE)) == set(checked)


def test_the_readme_is_short() -> None:
    assert len(text("README.md").split()) <= 900


def test_the_index_is_short_and_sorts_the_pages_into_the_four_kinds() -> None:
    index = text("docs/README.md")
    assert len(index.split()) <= 300
    kinds = ["Tutorial", "How-to", "Reference", "Explanation"]
    assert re.findall(r"^## (.+)$", index, re.MULTILINE) == kinds


@pytest.mark.parametrize("package", ["streams", "inference"])
def test_the_readme_lists_every_package_once_with_what_it_does(package: str) -> None:
    _, _, listing = text("README.md").partition(f"\n{package}/ ")
    packages = re.findall(r"\n  (\w+) +\S", listing.partition("\npersistence/")[0].partition("\ninference/")[0])
    folders = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
    assert sorted(packages) == sorted(folders)
    floors = {package: floor for floor, layer in enumerate(_layers(package)) for package in layer.split(" | ")}
    assert packages == sorted(packages, key=lambda each: floors[each])


def _layers(package: str) -> list[str]:
    contracts = tomllib.loads(text("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (layers,) = (each["layers"] for each in contracts if each.get("containers") == [package])
    return list(layers)


def test_the_readme_follows_one_event_from_the_queue_to_the_row_through_at_most_twelve_files() -> None:
    files = re.findall(r"^\d+\. `([\w/]+\.py)` .", text("README.md"), re.MULTILINE)
    assert len(files) == len(set(files)) <= 12
    assert files[0].startswith("streams/bridge/")
    assert files[-1].startswith("persistence/")


def test_calls_are_whole_lines_without_prompt_and_comment_and_names_are_none() -> None:
    document = (
        "`make` or `make demo`; `streams/app`\n```console\n$ source x  # so\n$ A=b petstream health\nmake no\n```\n"
    )
    assert documents.calls(document) == {"make demo", "source x", "A=b petstream health"}


@pytest.mark.parametrize(
    ("line", "unknown"),
    [
        ("`petstream rejections replay --reason forbidden --dry-run`", []),
        ("`petstream rejections reply`", ["reply"]),
        ("`petstream reconcile s3://b --enqeue`", ["--enqeue"]),
        ("```sh\nkubectl exec deployment/sink -- petstream healthy\n```", ["healthy"]),
        ("`DATABASE_HOST=drill petstream recods --user ann`", ["recods"]),
        ("```sh\npetstream topics permissions sink --principal User:a | sh\n```", []),
    ],
)
def test_a_command_that_does_not_exist_is_noticed(line: str, unknown: list[str]) -> None:
    (words,) = documents.commands(line)
    assert documents.unknown_words(words) == unknown
