"""Formats the rows of ``petstream records``: table, CSV or JSON. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from streams.runtime.csv_text import csv_text
from streams.runtime.printable import escape, is_shown
from streams.runtime.utc import utc_text

__all__ = ["FOLDED", "csv_text", "json_line", "json_lines", "shown"]

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
FOLDED: Final = frozenset({"user_name", "image_url", "source_bucket", "source_key", "source_sequencer"})
"""Columns that may be too long for a terminal; they are folded."""


def shown(value: object) -> object:
    """The value for a table: times in UTC, to the second."""
    return utc_text(value) if isinstance(value, datetime) else value


def json_lines(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """One JSON object a line: times in RFC 3339, decimals as numbers, control characters escaped."""
    return "".join(json_line(dict(zip(columns, row, strict=True))) for row in rows)


def json_line(value: object) -> str:
    """Any value as one JSON document on a line, in the format of ``json_lines``."""
    return f"{_escaped(_ENCODER.encode(value).decode())}\n"


def _escaped(line: str) -> str:
    """Escape terminal control characters such as U+009B too; JSON requires escapes only below U+0020."""
    return "".join(char if char <= "~" or is_shown(char) else escape(char) for char in line)
