from datetime import UTC, datetime, timedelta

import pytest

from streams.contracts.message_time import AHEAD, EARLIEST, message_time

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "milliseconds",
    [None, -1, -70_000_000_000_000, 2**63 - 1, -(2**63), 0, EARLIEST.timestamp() * 1000 - 1, float("inf")],
)
def test_a_time_that_nobody_believes_is_that_of_receiving(milliseconds: float | None) -> None:
    assert message_time(milliseconds, NOW) == NOW


def test_a_believable_time_is_kept_to_the_millisecond() -> None:
    assert message_time(1_764_201_600_123, NOW) == datetime(2025, 11, 27, 0, 0, 0, 123_000, UTC)
    assert message_time((NOW + AHEAD).timestamp() * 1000, NOW) == NOW + AHEAD
    assert message_time((NOW + AHEAD + timedelta(seconds=1)).timestamp() * 1000, NOW) == NOW
