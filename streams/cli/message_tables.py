"""What is shown of a message that was refused or waits: a row, a page for people, JSON for programs. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Final

import msgspec

from streams.cli.records_table import shown
from streams.runtime.printable import printable

DETAIL_CHARS: Final = 80
"""Of the detail in a row; ``show`` has it whole."""


def row(*values: object) -> tuple[str, ...]:
    """Printable cells."""
    return tuple(printable(shown(value)) for value in values)


def short(detail: str) -> str:
    """A detail as a row has it."""
    return detail if len(detail) <= DETAIL_CHARS else f"{detail[: DETAIL_CHARS - 1]}…"


def page(
    fields: Mapping[str, object], named: str, body: bytes, headers: Iterable[tuple[str, str | None]] | None = None
) -> Iterator[str]:
    """Printable lines: every field, the headers, then the message, which is ``named``, indented where it is JSON."""
    width = max(map(len, (*fields, named)))
    for name, value in fields.items():
        yield f"{name:{width}} {printable(value)}"
    if headers is not None:
        yield "headers"
        yield from (f"  {printable(name)}: {printable(value)}" for name, value in headers)
    yield f"{named:{width}} {len(body):,} bytes"
    yield from (f"  {line}" for line in pretty(body))


def pretty(body: bytes) -> list[str]:
    """The bytes of a message as printable lines, indented where they are JSON."""
    with suppress(msgspec.DecodeError, RecursionError):
        body = msgspec.json.format(body, indent=2)  # keeps everything, doubled names too
    return [printable(line) for line in body.decode(errors="backslashreplace").split("\n")]
