"""What the commands share: how moments and objects are written, how a mistake and progress are told, how JSON is."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Final, NoReturn
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from streams.cli.records_table import json_line
from streams.contracts.identity import image_id
from streams.runtime.errors import FAILED, INTERRUPTED, MISUSED
from streams.runtime.printable import printable
from streams.runtime.remedies import explained

PIPED_COLUMNS: Final = 10_000
"""Nothing is folded for a program that reads, nor for grep."""

out = Console(width=None if sys.stdout.isatty() else PIPED_COLUMNS, markup=False, emoji=False, highlight=False)
err = Console(stderr=True, markup=False, emoji=False, highlight=False)
# Text is printed as it is: it quotes keys and names, which may hold what rich would read. What has a style is a Text.

DESCRIPTION: Final = TextColumn("{task.description}", markup=False)
"""What a bar or a spinner is about."""

REPLAY_STOPPED = "Stopped. What the broker confirmed before is on its way; the same command again harms nothing."

AsJson = Annotated[bool, typer.Option("--json", help="for programs: one JSON document on stdout")]


def moment(text: str | None) -> datetime | None:
    """ISO 8601 as an aware moment, UTC where no offset is given. Anything else ends the command."""
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        misuse("A time is written like 2026-03-01 or 2026-03-01T12:00:00+01:00.")
    return parsed if parsed.utcoffset() is not None else parsed.replace(tzinfo=UTC)


def object_id(named: str) -> UUID:
    """The id of an object that is named by it or by its URL. Anything else ends the command."""
    scheme, separator, rest = named.partition("://")
    bucket, slash, key = rest.partition("/")
    if scheme == "s3" and separator and bucket and slash and key:
        return image_id(bucket, key)
    try:
        return UUID(named)
    except ValueError:
        misuse("An object is named by its id or as s3://bucket/key.")


def say(line: str) -> None:
    """One line on stdout, not folded, whatever characters are in it."""
    out.print(printable(line), soft_wrap=True)


def say_json(values: object) -> None:
    """One JSON document on a line of stdout."""
    sys.stdout.write(json_line(values))


def tell(message: str) -> None:
    """One line on stderr, whatever characters are in it."""
    err.print(printable(message), soft_wrap=True)


def fail(message: str) -> NoReturn:
    """End the command with one sentence on stderr and exit code 1."""
    tell(message)
    raise typer.Exit(FAILED)


def misuse(message: str) -> NoReturn:
    """End the command with one sentence on stderr and exit code 2: it was not called as it can be."""
    tell(message)
    raise typer.Exit(MISUSED)


@contextmanager
def mistakes(stopped: str = "Stopped.") -> Iterator[None]:
    """Whatever a person can mend ends as one sentence, and so does Ctrl-C; a bug stays a traceback."""
    try:
        yield
    except UnicodeEncodeError:
        misuse("A filter is not valid UTF-8.")
    except KeyboardInterrupt:
        tell(stopped)
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        code = explain(error)
        if code is None:
            raise
        raise typer.Exit(code) from None


def explain(error: Exception) -> int | None:
    """Say on stderr what happened and what to do; gives the exit code, None for a bug, of which nothing is said."""
    explanation = explained(error)
    if explanation is None:
        return None
    for line in explanation.text.splitlines():
        tell(line)
    return explanation.exit_code


def progress() -> Progress:
    """A bar on stderr, where that is a terminal; gone when done."""
    return Progress(
        DESCRIPTION,
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
        redirect_stdout=sys.stdout.isatty(),  # what is piped must not end up on stderr
    )


@contextmanager
def counted(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar that is told (done, total)."""
    with progress() as bar:
        task = bar.add_task(printable(what), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def waiting(what: str) -> Iterator[Callable[[str], None]]:
    """A spinner on stderr with the time, for what has no length that is known; it can be told what is done now."""
    columns = (SpinnerColumn(), DESCRIPTION, TimeElapsedColumn())
    with Progress(
        *columns, console=err, transient=True, disable=not err.is_terminal, redirect_stdout=sys.stdout.isatty()
    ) as bar:
        task = bar.add_task(printable(what), total=None)
        yield lambda now: bar.update(task, description=printable(now))
