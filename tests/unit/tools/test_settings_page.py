"""docs/settings.md tells every setting of the code and nothing else."""

import re
import sys
from collections import Counter
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from streams.runtime import settings
from tools import settings_page

TUTORIAL = Path("docs/getting-started.md")


def rows(text: str) -> list[tuple[str, str]]:
    """Each setting that has a row, and the rest of that row."""
    return re.findall(r"^\| `([A-Z0-9_]+)` \| (.*) \|$", text, re.MULTILINE)


def described() -> dict[str, str]:
    """Each row of the page by its setting; where several classes declare it, the last of them."""
    return dict(rows(settings_page.page()))


def test_the_page_is_what_the_code_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["", "--check"])
    settings_page.main()


def test_every_setting_of_the_code_is_on_the_page() -> None:
    in_code = {
        field.upper()
        for kind in vars(settings).values()
        if isinstance(kind, type) and issubclass(kind, BaseSettings)
        for field in kind.model_fields
    }
    assert set(described()) == in_code


def test_a_setting_that_processes_share_has_one_row() -> None:
    kinds = {kind for role in settings_page.CHAPTERS for kind in role.__mro__ if issubclass(kind, BaseSettings)}
    declared = Counter(
        name.upper() for kind in kinds for name in vars(kind).get("__annotations__", {}) if name in kind.model_fields
    )
    assert Counter(name for name, _ in rows(settings_page.page())) == declared


def test_the_sections_that_the_first_table_gives_a_process_hold_its_settings_and_no_others() -> None:
    _, *sections = settings_page.page().split("\n## ")
    settings_of = {section.splitlines()[0]: {name for name, _ in rows(section)} for section in sections}
    for role, title in settings_page.CHAPTERS.items():
        (named,) = re.findall(rf"^\| {re.escape(title)} \|[^|]*\| (.*) \|$", settings_page.page(), re.MULTILINE)
        shown = set[str]().union(*(settings_of[title if name == "its own" else name] for name in named.split(", ")))
        assert shown == {name.upper() for name in role.model_fields}, title


def test_every_setting_has_a_meaning() -> None:
    assert [name for name, row in described().items() if not row.rpartition("|")[2].strip()] == []


def test_a_row_says_what_may_be_set_what_is_taken_otherwise_and_what_must_be_set() -> None:
    row = described()
    assert row["ENGINE"].startswith("`auto`, `cuda`, `openvino`, `torchscript` | `auto` |")
    assert row["BATCH_MAX_SIZE"].startswith("whole number, ≥ 1, ≤ 512 | `32` |")
    assert row["IMAGE_MAX_BYTES"].startswith("whole number, ≥ 1024 | `33554432` (32 MiB) |")
    assert row["DATABASE_PASSWORD"].startswith("text, **secret** |  |")
    assert row["MODEL_URI"].startswith("text | *required* |")
    assert row["DATABASE_SSL"].startswith("true, false | `true` |")
    assert row["S3_ENDPOINT_URL"].startswith("URL |  |")


def test_what_must_be_set_comes_first_in_its_table() -> None:
    _, *chapters = settings_page.page().split("\n## ")
    for chapter in chapters:
        must = ["*required*" in row for row in chapter.splitlines() if row.startswith("| `")]
        assert must == sorted(must, reverse=True), chapter.splitlines()[0]


def test_the_tutorial_names_what_each_process_needs_at_least() -> None:
    for role, title in list(settings_page.CHAPTERS.items())[:3]:
        (row,) = re.findall(rf"^\| `{title}` \|(.*)$", TUTORIAL.read_text(), re.MULTILINE)
        assert [name for name in settings_page.required(role) if f"`{name}`" not in row] == [], title
