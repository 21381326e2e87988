"""What the commands print with: lines and JSON on stdout, mistakes and progress on stderr."""

import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn, TypeVar

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
from streams.runtime.errors import FAILED, INTERRUPTED, MISUSED
from streams.runtime.printable import printable
from streams.runtime.remedies import explained

ResultT = TypeVar("ResultT")

PIPED_COLUMNS: Final = 10_000
"""Nothing is folded for a program that reads, nor for grep."""

out = Console(width=None if sys.stdout.isatty() else PIPED_COLUMNS, markup=False, emoji=False, highlight=False)
err = Console(stderr=True, markup=False, emoji=False, highlight=False)
# Text is printed as it is: it quotes keys and names, which may hold what rich would read. What has a style is a Text.

DESCRIPTION: Final = TextColumn("{task.description}", markup=False)
"""What a bar or a spinner is about."""

REPLAY_STOPPED = "Stopped. What the broker confirmed before is on its way; the same command again harms nothing."


def say(line: str) -> None:
    """One line on stdout, not folded, whatever characters are in it."""
    out.print(printable(line), soft_wrap=True)


def say_page(lines: Iterable[str], document: str, *, as_json: bool) -> None:
    """One thing on stdout: as lines for a person, or as its JSON."""
    if as_json:
        sys.stdout.write(document)
        return
    for line in lines:
        say(line)


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


def run(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Run to the end, within ``mistakes``."""
    import asyncio  # noqa: PLC0415 - the help must not wait for it

    with mistakes():
        return asyncio.run(work)


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
