"""Formats the rows of ``petstream records``: table, CSV or JSON. Pure."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from streams.runtime.printable import escape, is_shown, printable
from streams.runtime.utc import utc_text

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
FOLDED: Final = frozenset({"user_name", "image_url", "source_bucket", "source_key", "source_sequencer"})
"""Columns that may be too long for a terminal; they are folded."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet evaluate a cell. Source: OWASP, "CSV Injection"."""


def shown(value: object) -> object:
    """The value for a table: times in UTC, to the second."""
    return utc_text(value) if isinstance(value, datetime) else value


def csv_text(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """
    RFC 4180 with a header. Names are untrusted: text that a spreadsheet would evaluate gets a leading apostrophe, and
    terminal control characters are escaped.
    """
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return written.getvalue()


def json_lines(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """One JSON object a line: times in RFC 3339, decimals as numbers, control characters escaped."""
    return "".join(json_line(dict(zip(columns, row, strict=True))) for row in rows)


def json_line(value: object) -> str:
    """Any value as one JSON document on a line, in the format of ``json_lines``."""
    return f"{_escaped(_ENCODER.encode(value).decode())}\n"


def _escaped(line: str) -> str:
    """Escape terminal control characters such as U+009B too; JSON requires escapes only below U+0020."""
    return "".join(char if char <= "~" or is_shown(char) else escape(char) for char in line)


def _cell(value: object) -> str:
    text = (
        value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        if isinstance(value, datetime)
        else ""
        if value is None
        else str(value)
    )
    return printable(f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text)
