"""Output of the commands: lines and JSON on stdout, errors and progress on stderr."""

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
from rich.table import Table

from streams.cli.fitting_table import tabbed
from streams.cli.records_table import json_line
from streams.runtime.errors import FAILED, INTERRUPTED, MISUSED
from streams.runtime.printable import printable
from streams.runtime.remedies import explained

ResultT = TypeVar("ResultT")

PIPED_COLUMNS: Final = 10_000
"""Width of piped output, so that lines are not folded for programs and grep."""

out = Console(width=None if sys.stdout.isatty() else PIPED_COLUMNS, markup=False, emoji=False, highlight=False)
err = Console(stderr=True, markup=False, emoji=False, highlight=False)
# Markup is off, because printed keys and names may contain it. Styled text uses rich's Text.

DESCRIPTION: Final = TextColumn("{task.description}", markup=False)
"""The description of a bar or a spinner."""

REPLAY_STOPPED = "Stopped. What the broker confirmed before is on its way; the same command again harms nothing."


def print_line(line: str) -> None:
    """Print one line on stdout without folding; control characters are escaped."""
    out.print(printable(line), soft_wrap=True)


def print_table(table: Table) -> None:
    """Print a table on stdout: aligned and folded on a terminal, with tabs in a pipe."""
    if sys.stdout.isatty():
        out.print(table)
        return
    for line in tabbed(table):
        sys.stdout.write(f"{line}\n")


def print_page(lines: Iterable[str], document: str, *, as_json: bool) -> None:
    """Print one item on stdout, as printable lines or as its JSON document."""
    if as_json:
        sys.stdout.write(document)
        return
    for line in lines:
        out.print(line, soft_wrap=True)


def print_json(values: object) -> None:
    """Print one JSON document on a line of stdout."""
    sys.stdout.write(json_line(values))


def print_stderr(message: str) -> None:
    """Print one line on stderr; control characters are escaped."""
    err.print(printable(message), soft_wrap=True)


def fail(message: str) -> NoReturn:
    """End the command with a message on stderr and exit code 1."""
    print_stderr(message)
    raise typer.Exit(FAILED)


def misuse(message: str) -> NoReturn:
    """End the command with a message on stderr and exit code 2, for invalid usage."""
    print_stderr(message)
    raise typer.Exit(MISUSED)


@contextmanager
def mistakes(stopped: str = "Stopped.") -> Iterator[None]:
    """Turn errors that an operator can fix, and Ctrl-C, into one message; a bug keeps its traceback."""
    try:
        yield
    except UnicodeEncodeError:
        misuse("A filter is not valid UTF-8.")
    except KeyboardInterrupt:
        print_stderr(stopped)
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        code = explain(error)
        if code is None:
            raise
        raise typer.Exit(code) from None


def explain(error: Exception) -> int | None:
    """Print the explanation of an error on stderr and return the exit code; None, without output, for a bug."""
    explanation = explained(error, sys.argv[1:])
    if explanation is None:
        return None
    for line in explanation.text.splitlines():
        print_stderr(line)
    return explanation.exit_code


def run(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Run a coroutine within ``mistakes``."""
    import asyncio  # noqa: PLC0415 - keeps --help fast

    with mistakes():
        return asyncio.run(work)


def progress() -> Progress:
    """A progress bar on stderr, on a terminal only; it is removed at the end."""
    return Progress(
        DESCRIPTION,
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
        redirect_stdout=sys.stdout.isatty(),  # piped output must not go to stderr
    )


@contextmanager
def counted(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar that is updated with (done, total)."""
    with progress() as bar:
        task = bar.add_task(printable(what), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def waiting(what: str) -> Iterator[Callable[[str], None]]:
    """A spinner with the elapsed time on stderr, for work of unknown length; its description can be updated."""
    columns = (SpinnerColumn(), DESCRIPTION, TimeElapsedColumn())
    with Progress(
        *columns, console=err, transient=True, disable=not err.is_terminal, redirect_stdout=sys.stdout.isatty()
    ) as bar:
        task = bar.add_task(printable(what), total=None)
        yield lambda now: bar.update(task, description=printable(now))
