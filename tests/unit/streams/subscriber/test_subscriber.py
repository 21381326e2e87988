"""What a subscriber is told when it asks for the impossible."""

from datetime import datetime

import pytest

from streams.subscriber import Subscriber


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        Subscriber({"bootstrap_servers": "nowhere:9092"}, start=datetime(2026, 11, 27))  # noqa: DTZ001 - that is the point
