"""
When an object was written, as its event tells: bounded to what datetime, JSON and PostgreSQL's timestamptz hold. Pure.

A time out of range says nothing of the object, which is classified all the same. Servers write such times: Go's zero
time is the year 1, and a clock that was never set is anything.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

EARLIEST: Final = datetime(1, 1, 2, tzinfo=UTC)
LATEST: Final = datetime(9999, 12, 30, 23, 59, 59, 999_999, tzinfo=UTC)
"""A day inside Python's calendar: readable in every time zone, and not what asyncpg writes as infinity."""
LONGEST_AGE: Final = timedelta(days=30)
"""That is measured: longer than any topic keeps an event."""

_YEAR = re.compile(r"([+-]?\d{4,20})-\d\d-\d\d")
_LEAP_SECOND = re.compile(r"(:\d\d):60")
_LONG_OFFSET = re.compile(r"(.+)([+-])(\d\d):?(\d\d)")


def event_time(time: str | float | None) -> datetime:
    """
    The moment that an event states, in UTC, within ``EARLIEST`` and ``LATEST``.

    Args:
        time: ISO 8601 (without a zone it is UTC), or seconds since 1970.

    Raises:
        ValueError: there is none, or it is no time.
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
        raise ValueError(f"the event's time {time[:80]!r} is no time: {error}") from error
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
        # datetime takes no zone of 24 hours and more; what is meant is clear.
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
    How old something is, for a histogram: 0 where a clock is ahead of ours, and ``LONGEST_AGE`` at most.

    One event of the year 1 would otherwise outweigh all others in the sum.
    """
    return min(max(0.0, (now - moment).total_seconds()), LONGEST_AGE.total_seconds())
