"""
The time of an event, clamped to the range that datetime, JSON and PostgreSQL's timestamptz share. Pure.

An event with a time out of range is still classified. Servers do write such times: Go's zero time is the year 1, and a
clock that was never set may show anything.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

EARLIEST: Final = datetime(1, 1, 2, tzinfo=UTC)
LATEST: Final = datetime(9999, 12, 30, 23, 59, 59, 999_999, tzinfo=UTC)
"""One day inside Python's range: valid in every time zone, and not a value that asyncpg writes as infinity."""
LONGEST_AGE: Final = timedelta(days=30)
"""Upper bound of measured ages: longer than any topic's retention."""

_YEAR = re.compile(r"([+-]?\d{4,20})-\d\d-\d\d")
_LEAP_SECOND = re.compile(r"(:\d\d):60")
_LONG_OFFSET = re.compile(r"(.+)([+-])(\d\d):?(\d\d)")


def event_time(time: str | float | None) -> datetime:
    """
    The event's time in UTC, clamped to ``EARLIEST`` and ``LATEST``.

    Args:
        time: ISO 8601 (UTC if it has no zone), or seconds since 1970.

    Raises:
        ValueError: the time is missing or invalid.
    """
    if time is None:
        raise ValueError("the record has no event time")
    if isinstance(time, int | float):
        try:
            return bounded(datetime.fromtimestamp(time, UTC))
        except (ValueError, OverflowError, OSError):
            return EARLIEST if time < 0 else LATEST
    text = time.strip().upper()
    if year := _YEAR.match(text):
        if int(year[1]) < 1:
            return EARLIEST
        if int(year[1]) > LATEST.year:
            return LATEST
    without_leap = _LEAP_SECOND.sub(r"\1:59", text, count=1)
    try:
        moment = _read(without_leap)
    except ValueError as error:
        raise ValueError(f"the event's time {time[:80]!r} is invalid") from error
    return bounded(moment + timedelta(seconds=1) if without_leap != text else moment)


def bounded(moment: datetime) -> datetime:
    """The aware moment in UTC, or the nearest one within ``EARLIEST`` and ``LATEST``."""
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        return EARLIEST if moment.year == 1 else LATEST
    return min(max(moment, EARLIEST), LATEST)


def _read(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        # datetime refuses offsets of 24 hours and more.
        found = _LONG_OFFSET.fullmatch(text)
        if found is None:
            raise
        local = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
        offset = timedelta(hours=int(found[3]), minutes=int(found[4]))
        try:
            return local - offset if found[2] == "+" else local + offset
        except OverflowError:
            return EARLIEST if found[2] == "+" else LATEST
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def age_seconds(moment: datetime, now: datetime) -> float:
    """
    The age in seconds for a histogram, clamped to 0 (a clock ahead of ours) and ``LONGEST_AGE``.

    Without the bound, one event of the year 1 would dominate the sum.
    """
    return min(max(0.0, (now - moment).total_seconds()), LONGEST_AGE.total_seconds())
