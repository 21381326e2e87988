"""
Keys, names and details are other people's text. Whatever a command prints of them is neither markup nor drives a
terminal. And what petstream prints of its own text loses nothing that looks like markup.
"""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from rich.console import Console, RenderableType
from typer import rich_utils
from typer.testing import CliRunner

from inference.errors import RejectedImage
from inference.lab.evaluate import FolderEvaluation, Labelled
from inference.lab.evaluate import Outcome as Judged
from inference.lab.findings import Findings, findings
from inference.manifest import Thresholds
from persistence.migrate import Migration
from streams.check.finding import Finding
from streams.cli import (
    app,
    check_table,
    console,
    dead_letters_table,
    evaluation_tables,
    migrations_table,
    rejections_table,
    retries_table,
    training_table,
    watch,
)
from streams.cli.fitting_table import Column, fitting
from streams.contracts import ImageClassified, ImageRejected
from streams.demo import demo
from streams.demo.journey import Journey
from streams.subscriber.received_event import ReceivedEvent
from tests.sinking import classified
from tests.unit.streams.cli.test_rejections_table import REJECTION
from tests.unit.streams.replay.test_letters import found as letter
from tests.unit.streams.retry.test_waiting import ATTEMPT
from tests.unit.streams.retry.test_waiting import found as waiting
from tests.unit.streams.sink.test_rows import rejected
from tools.command_tree import Command, every_command

NOON: Final = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEYS: Final = {
    r"ann/\[/nope]x.jpg": r"ann/\[/nope]x.jpg",
    r"ann/\\[bold]x[/].jpg": r"ann/\\[bold]x[/].jpg",
    "ann/[link=https://example.org]x[/link]": "ann/[link=https://example.org]x[/link]",
    "ann/ends in \\": "ann/ends in \\",
    r"C:\users\new \u202e \\u202e": r"C:\users\new \\u202e \\\\u202e",
    "ann/\\\x1b": r"ann/\\\u001b",
    "ann/李雷 🐈 محمد.jpg": "ann/李雷 🐈 محمد.jpg",
    "ann/:smile: 42 True": "ann/:smile: 42 True",
    "ann/\x1b[2J\x9b31m\u202ex\ny": r"ann/\u001b[2J\u009b31m\u202ex\u000ay",
}
"""What is uploaded, and what is to be read of it."""


def received(event: ImageClassified | ImageRejected) -> ReceivedEvent:
    return ReceivedEvent(event, "image-classifications", 0, 7, None, NOON, None, None, None, b"")


def journey(key: str) -> Journey:
    return Journey(classified("pets", "k").id, key, None, 0.0, "cat", 0.9, 1.0, 2.0)


def found(part: str, detail: str = "", other: str = "other") -> Findings:
    refused = RejectedImage("undecodable", detail)
    folder = FolderEvaluation([Judged(Labelled(Path("x.jpg"), "cat", slice=part), refused)])
    return findings(folder, Thresholds(accept=0.5), against=(other, folder))


PRINTED: Final[dict[str, Callable[[str], RenderableType]]] = {
    "watch, a label": lambda key: watch.line(received(classified("pets", key))),
    "watch, a rejection": lambda key: watch.line(received(rejected(key))),
    "records": lambda key: fitting([Column("image_url", folds=True)], [[key]]),
    "model train": lambda key: training_table.figures(
        {"cross_validation": None, "epochs": 1, "not_fitted": {key: {"pictures": 1}}}
    ),
    "rejections": lambda key: fitting(
        rejections_table.COLUMNS, rejections_table.table_rows([replace(REJECTION, image_url=key)])
    ),
    "dead letters": lambda key: fitting(
        dead_letters_table.COLUMNS, [dead_letters_table.table_row(replace(letter(), result=classified("pets", key)))]
    ),
    "retries": lambda key: fitting(
        retries_table.COLUMNS,
        [retries_table.table_row(retries_table.fields(replace(waiting(), attempt=replace(ATTEMPT, detail=key))))],
    ),
    "check": lambda key: check_table.table([Finding("sink", "database", key, "look")]),
    "migrate status": lambda key: migrations_table.table([Migration("0001", None, checksum_ok=True, description=key)]),
    "model evaluate, a rejection": lambda key: evaluation_tables.evaluation(found("", key)),
    "model evaluate, another model": lambda key: evaluation_tables.evaluation(found("", other=key)),
    "demo": lambda key: demo._line(journey(key)),
}


@pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
@pytest.mark.parametrize("where", PRINTED)
def test_a_key_is_printed_as_it_is_and_drives_no_terminal(
    where: str, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    console.out.print(PRINTED[where](key))
    said = capsys.readouterr().out
    # The names of slices are cleaned where the labels are read.
    cleaned = "".join(char if char.isprintable() else "�" for char in key)
    assert (KEYS[key] if cleaned == key or "slice" not in where else cleaned) in said
    assert not [char for char in said if not char.isprintable() and char != "\n"]


@pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
@pytest.mark.parametrize("printing", [console.print_line, console.print_stderr], ids=["stdout", "stderr"])
def test_a_sentence_about_a_key_is_one_line(
    printing: Callable[[str], None], key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    printing(f"passed over: {key}")
    printed = capsys.readouterr()
    assert printed.out + printed.err == f"passed over: {KEYS[key]}\n"


@pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
def test_a_bar_and_a_spinner_show_what_they_are_given(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Console(file=io.StringIO(), force_terminal=True, width=200)
    monkeypatch.setattr(console, "err", terminal)
    with console.counted(key) as counted:
        counted(1, 2)
    with console.waiting("reading") as now:
        now(key)
    assert isinstance(terminal.file, io.StringIO)
    assert terminal.file.getvalue().count(KEYS[key]) >= 2


@pytest.mark.parametrize("call", [["check"], ["topics", "permissions"], ["no such command"], ["retries", "list", "-r"]])
def test_a_wrong_call_is_quoted_and_drives_no_terminal(call: list[str]) -> None:
    said = CliRunner().invoke(app, [*call, "\x1b[2J[bold]\u202e"], env={"COLUMNS": "200"})
    assert said.exit_code == 2
    assert not [char for char in said.output if not char.isprintable() and char != "\n"]


def test_markup_is_read_nowhere_and_every_console_is_one_that_reads_none() -> None:
    streams = Path(console.__file__).parent.parent
    found = {
        f"{path.relative_to(streams)}: {line.strip()}"
        for path in streams.rglob("*.py")
        for line in path.read_text().splitlines()
        if re.search(r"\bConsole\(|from_markup|rich\.markup|markup=True|TextColumn\((?!.*markup=False)", line)
    }
    assert all(line.startswith("cli/console.py: ") and "markup=False" in line for line in found), found


@pytest.mark.parametrize("command", list(every_command()), ids=lambda command: command.name)
def test_the_help_shows_all_that_it_says(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rich_utils, "MAX_WIDTH", 2000)
    words = CliRunner().invoke(app, [*command.path, "--help"]).output.split()
    for paragraph in [*command.paragraphs, *command.examples, *(each.meaning for each in command.parameters)]:
        missing = [word for word in paragraph.split() if word not in words]
        assert not missing, f"{paragraph}: {missing}"
