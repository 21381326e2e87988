"""What ``petstream --help`` shows: groups in order, and paragraphs without ragged lines."""

from importlib.metadata import version

import pytest
from typer import rich_utils
from typer.main import get_command
from typer.testing import CliRunner

from streams.cli import app
from streams.cli.command_help import PANELS, joined
from tools.command_tree import Command, every_command

COMMANDS = set(vars(get_command(app))["commands"])


def test_every_command_is_in_one_group() -> None:
    grouped = [name for names in PANELS.values() for name in names]
    assert sorted(grouped) == sorted(COMMANDS)


def test_the_groups_and_their_commands_stand_in_order() -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "100"}).output
    places = [shown.index(f"─ {panel} ─") for panel in PANELS]
    assert places == sorted(places)
    commands = [shown.index(f"│ {name} ") for names in PANELS.values() for name in names]
    assert commands == sorted(commands)


@pytest.mark.parametrize("command", [each for each in every_command() if each.path], ids=lambda each: each.name)
def test_a_paragraph_of_the_help_is_broken_only_where_the_terminal_ends(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rich_utils, "MAX_WIDTH", 2000)
    shown = {line.strip() for line in CliRunner().invoke(app, [*command.path, "--help"]).output.splitlines()}
    for paragraph in command.paragraphs:
        assert set(paragraph.splitlines()) <= shown


def test_lines_are_joined_and_items_stay_apart() -> None:
    text = """
    One
    sentence.

    [bold]a[/]: first,
    at length.
    [bold]b[/]: second.
    """
    assert joined(text) == "One sentence.\n\n[bold]a[/]: first, at length.\n[bold]b[/]: second."


def test_the_version_is_that_of_the_installed_package() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.output) == (0, f"petstream {version('petstream')}\n")
