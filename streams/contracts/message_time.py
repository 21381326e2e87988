"""The time of a Kafka message, which its producer may have set to anything that fits in 64 bits. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Final

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Kafka is younger than this."""
_EARLIEST_MS: Final = EARLIEST.timestamp() * 1000
AHEAD: Final = timedelta(days=1)
"""How far a producer's clock may be ahead of ours: it may be wrong by a time zone."""


def message_time(milliseconds: float | None, received: datetime) -> datetime:
    """
    When a message was written, UTC; ``received`` where it does not say so believably.

    Args:
        milliseconds: Of the message, since 1970; -1 is "none" in Kafka's protocol.
        received: Now, aware.

    A time before ``EARLIEST``, or more than ``AHEAD`` after ``received``, is not believed.
    """
    latest_ms = (received.timestamp() + AHEAD.total_seconds()) * 1000
    if milliseconds is None or not _EARLIEST_MS <= milliseconds <= latest_ms:
        return received
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
