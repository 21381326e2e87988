"""What the operator's commands share: how moments and objects are written, and how a mistake is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NoReturn
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from streams.identity import image_id
from streams.records_table import printable

err = Console(stderr=True)

REPLAY_STOPPED = "Stopped. What the broker confirmed before is on its way; the same command again harms nothing."


def moment(text: str | None) -> datetime | None:
    """ISO 8601 as an aware moment, UTC where no offset is given. Anything else ends the command."""
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        fail("A time is written like 2026-03-01 or 2026-03-01T12:00:00+01:00.")
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
        fail("An object is named by its id or as s3://bucket/key.")


def tell(message: str) -> None:
    """One line on stderr, whatever characters are in it."""
    err.print(printable(message), highlight=False, markup=False, soft_wrap=True)


def fail(message: str) -> NoReturn:
    """End the command with one sentence on stderr and exit code 1."""
    tell(message)
    raise typer.Exit(1)


@contextmanager
def mistakes(stopped: str = "Stopped.") -> Iterator[None]:
    """What a database or a broker refuses, and what cannot be written to them, ends as one sentence; so does Ctrl-C."""
    # The help must not wait for the database's driver, nor for Kafka's client.
    from persistence.errors import (  # noqa: PLC0415
        MisconfiguredDatabase,
        PersistenceError,
        TransientPersistenceError,
    )
    from streams.brokers import BrokerRefusal  # noqa: PLC0415

    try:
        yield
    except (TransientPersistenceError, MisconfiguredDatabase) as error:
        said = str(error).partition("\n")[0].rstrip(".")
        fail(f"The database does not answer as it should: {said}. Look at DATABASE_HOST, or run: petstream check sink")
    except (PersistenceError, BrokerRefusal) as error:
        fail(str(error).partition("\n")[0])
    except UnicodeEncodeError:
        fail("A filter is not valid UTF-8.")
    except KeyboardInterrupt:
        tell(stopped)
        raise typer.Exit(130) from None


def progress() -> Progress:
    """A bar on stderr, where that is a terminal; gone when done."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
