"""docs/commands.md tells every command of the code and nothing else."""

import re
import sys

import pytest

from tools import commands_page
from tools.command_tree import every_command


def test_the_page_is_what_the_help_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["", "--check"])
    commands_page.main()


def test_every_command_has_a_chapter_with_its_options_and_an_example() -> None:
    chapters = dict(
        chapter.split("\n", 1) for chapter in commands_page.page().replace("\n### ", "\n## ").split("\n## ")
    )
    for command in every_command():
        if not command.path:
            continue
        chapter = chapters[command.name]
        for example in command.examples:
            assert f"\n{example}\n" in chapter
        for parameter in command.parameters:
            assert all(f"`{word.replace('|', '&#124;')}`" in chapter for word in parameter.written), command.name


def test_the_list_at_the_top_names_each_command_once_and_links_to_its_chapter() -> None:
    listed = re.findall(r"\]\(#([a-z-]+)\)", commands_page.page())
    assert sorted(listed) == sorted(command.name.replace(" ", "-") for command in every_command() if command.path)


def test_a_row_says_what_is_taken_between_which_bounds_and_what_is_taken_otherwise() -> None:
    page = commands_page.page()
    assert "| `--rows` | whole number, ≥ 0 | `1000` | how many objects |" in page
    assert "| `--reason` | text, may be repeated |  |" in page
    assert "| `--format` | table, json, csv | `table` |" in page
    assert "| `folder` | path | *required* |" in page.replace("`FOLDER`", "`folder`")
