"""How ``petstream records`` writes rows: a table for people, CSV for spreadsheets, JSON for programs. Pure."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from streams.runtime.printable import is_shown, printable

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
FOLDED: Final = frozenset({"user_name", "image_url", "source_bucket", "source_key", "source_sequencer"})
"""The columns that may be too long for a terminal: they go on in a second line."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet calculate a cell. Source: OWASP, "CSV Injection"."""


def shown(value: object) -> object:
    """The value as a table has it: a moment to the second, in UTC."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
    return value


def csv_text(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """
    RFC 4180 with a header. Text that a spreadsheet would calculate gets a leading apostrophe, and characters that drive
    a terminal become U+FFFD: names come from whoever uploads.
    """
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return written.getvalue()


def json_lines(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """One JSON object a line; times RFC 3339, decimals as numbers. Control characters are escaped, as JSON wants it."""
    return "".join(json_line(dict(zip(columns, row, strict=True))) for row in rows)


def json_line(value: object) -> str:
    """Any value as one JSON document on a line, written as ``json_lines`` writes an object."""
    return f"{_escaped(_ENCODER.encode(value).decode())}\n"


def _escaped(line: str) -> str:
    """JSON demands escapes below U+0020 only; U+009B and its like drive terminals too."""
    return "".join(char if char <= "~" or is_shown(char) else _escape(char) for char in line)


def _escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return printable(f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text)
