"""The timestamp of a Kafka message. Its producer may have set any 64-bit value. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Final

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Older than Kafka itself."""
_EARLIEST_MS: Final = EARLIEST.timestamp() * 1000
AHEAD: Final = timedelta(days=1)
"""How far a producer's clock may be ahead: it may be wrong by a time zone."""


def message_time(milliseconds: float | None, received: datetime) -> datetime:
    """
    When a message was written, UTC; ``received`` if its timestamp is missing or implausible.

    Args:
        milliseconds: The message's timestamp since 1970; -1 means none in Kafka's protocol.
        received: Now, aware.

    A time before ``EARLIEST``, or more than ``AHEAD`` after ``received``, is implausible.
    """
    latest_ms = (received.timestamp() + AHEAD.total_seconds()) * 1000
    if milliseconds is None or not _EARLIEST_MS <= milliseconds <= latest_ms:
        return received
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
