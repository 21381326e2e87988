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
    for paragraph in command.parsed.help.split("\n\n"):
        _, *others = paragraph.splitlines()
        assert all(line.startswith("[bold]") for line in others), paragraph
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


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("records --limit many", "'--limit': 'many' is not a whole number"),
        ("records --format xml", "'--format': 'xml' is not one of 'table', 'json', 'csv'"),
        ("rejections replay --limit 0", "'--limit': '0' is below 1"),
        ("retries list --limit 20000", "'--limit': '20000' is above 10,000"),
        ("retries now --rate fast", "'--rate': 'fast' is not a number"),
        ("backfill s3://b/ --rate -1", "'--rate': '-1' is below 0"),
        ("database seed --rows \x1b[2J", r"'--rows': '\x1b[2J' is not a whole number"),
    ],
)
def test_a_value_that_does_not_fit_its_option_is_refused_in_plain_words(call: str, said: str) -> None:
    done = CliRunner().invoke(app, call.split(" "), env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert f"Invalid value for {said}" in done.output
