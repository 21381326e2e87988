"""Formats messages that were refused or that wait: a table row or a page of text. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Final

import msgspec

from streams.cli.records_table import shown
from streams.runtime.printable import printable

DETAIL_CHARS: Final = 80
"""Length of the detail in a row; ``show`` prints all of it."""


def row(*values: object) -> tuple[str, ...]:
    """Printable cells."""
    return tuple(printable(shown(value)) for value in values)


def short(detail: str) -> str:
    """The detail, shortened for a row."""
    return detail if len(detail) <= DETAIL_CHARS else f"{detail[: DETAIL_CHARS - 1]}…"


def page(
    fields: Mapping[str, object], named: str, body: bytes, headers: Iterable[tuple[str, str | None]] | None = None
) -> Iterator[str]:
    """Printable lines: all fields, the headers, then the message under the name ``named``, indented if it is JSON."""
    width = max(map(len, (*fields, named)))
    for name, value in fields.items():
        yield f"{name:{width}} {printable(shown(value))}"
    if headers is not None:
        yield "headers"
        yield from (f"  {printable(name)}: {printable(value)}" for name, value in headers)
    yield f"{named:{width}} {len(body):,} bytes"
    yield from (f"  {line}" for line in pretty(body))


def pretty(body: bytes) -> list[str]:
    """The message as printable lines, indented if it is JSON."""
    with suppress(msgspec.DecodeError, RecursionError):
        body = msgspec.json.format(body, indent=2)  # keeps duplicate names
    return [printable(line) for line in body.decode(errors="backslashreplace").split("\n")]
