from datetime import UTC, datetime, timedelta, timezone

from streams.cli.arguments import moment
from streams.runtime.utc import utc_text

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_time_is_printed_in_utc_and_can_be_given_back() -> None:
    assert utc_text(NOON.astimezone(timezone(timedelta(hours=2)))) == "2026-03-01T12:00:00Z"
    assert moment(utc_text(NOON)) == NOON
