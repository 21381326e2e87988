"""Whatever time an event states: it is a time, or the event is refused; and a time is one that a row can hold."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.notifications.event_times import EARLIEST, LATEST, bounded, event_time

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stated", "moment"),
    [
        ("2026-11-20T12:00:00.000Z", NOON),
        ("2026-11-20t12:00:00z", NOON),
        (" 2026-11-20 12:00:00.000000Z\n", NOON),
        ("2026-11-20T12:00:00", NOON),
        ("2026-11-20T12:00:00.123456789Z", NOON + timedelta(microseconds=123456)),
        ("2026-11-21T02:00:00+14:00", NOON),
        ("2026-11-20T00:00:00-12:00", NOON),
        ("2026-11-20T17:30:00+0530", NOON),
        ("2026-11-21T13:00:00+25:00", NOON),
        ("2026-11-16T08:00:00-99:60", NOON - timedelta(days=4) + timedelta(hours=96)),
        ("2026-11-20T11:59:60Z", NOON),
        (NOON.timestamp(), NOON),
        (int(NOON.timestamp()), NOON),
    ],
)
def test_a_time_is_read_as_it_is_meant(stated: str | float, moment: datetime) -> None:
    assert event_time(stated) == moment


@pytest.mark.parametrize(
    ("stated", "moment"),
    [
        ("0001-01-01T00:00:00Z", EARLIEST),  # Go's zero time
        ("0001-01-01T00:00:00+14:00", EARLIEST),
        ("0001-01-01T00:00:00+25:00", EARLIEST),
        ("0000-01-01T00:00:00Z", EARLIEST),
        ("-0001-11-30T00:00:00Z", EARLIEST),
        ("9999-12-31T23:59:59.999999Z", LATEST),
        ("9999-12-31T23:59:59-12:00", LATEST),
        ("9999-12-31T23:59:59-25:00", LATEST),
        ("10000-01-01T00:00:00Z", LATEST),
        ("+292277026596-12-04T15:30:07Z", LATEST),
        (-1e300, EARLIEST),
        (1e300, LATEST),
        (10**30, LATEST),
    ],
)
def test_a_time_beyond_the_calendar_is_the_nearest_one_in_it(stated: str | float, moment: datetime) -> None:
    assert event_time(stated) == moment


@pytest.mark.parametrize(
    "stated", [None, "", "yesterday", "2026-13-01T00:00:00Z", "2026-11-20T25:00:00Z", "12:00+99:99"]
)
def test_what_is_no_time_is_refused(stated: str | None) -> None:
    with pytest.raises(ValueError, match="time"):
        event_time(stated)


OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=OFFSETS))
def test_a_bounded_moment_exists_in_every_zone(moment: datetime) -> None:
    inside = bounded(moment)
    assert EARLIEST <= inside <= LATEST
    for hours in (-23, 23):
        assert inside.astimezone(timezone(timedelta(hours=hours))) == inside
    if EARLIEST.year < moment.year < LATEST.year:
        assert inside == moment


@given(st.text() | st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_any_time_is_within_the_bounds_or_refused(stated: str | float) -> None:
    try:
        moment = event_time(stated)
    except ValueError:
        return
    assert EARLIEST <= moment <= LATEST
    assert moment.utcoffset() == timedelta(0)
