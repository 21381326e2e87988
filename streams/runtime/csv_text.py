"""Rows as CSV that is safe to open in a spreadsheet and to show in a terminal. Pure."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from streams.runtime.printable import printable

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet evaluate a cell. Source: OWASP, "CSV Injection"."""


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """
    RFC 4180 with a header. Names are untrusted: text that a spreadsheet would evaluate gets a leading apostrophe, and
    terminal control characters are escaped.
    """
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return written.getvalue()


def _cell(value: object) -> str:
    text = (
        value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        if isinstance(value, datetime)
        else ""
        if value is None
        else str(value)
    )
    return printable(f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text)
