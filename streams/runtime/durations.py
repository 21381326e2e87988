"""Parses durations such as 6h, 90m, 1h30m or 30s. Pure."""

import re
from datetime import timedelta
from typing import Final

_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_WHOLE: Final = re.compile(r"(?:[0-9]{1,9}[dhms])+")
_PART: Final = re.compile(r"([0-9]+)([dhms])")


def duration(text: str) -> timedelta:
    """
    Parse a duration.

    Raises:
        ValueError: if the text is not a duration; the message is a sentence.
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is no length of time: write it like 6h, 90m, 1h30m or 30s.")
    try:
        return sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in _PART.findall(text)), timedelta())
    except OverflowError:
        raise ValueError(f"{text!r} is longer than any calendar.") from None
