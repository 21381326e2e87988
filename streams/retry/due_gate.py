"""The gate of the retry topics: a message passes once it has waited for its topic's delay."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from streams.consumer.gated_intake import Head
from streams.retry import attempt
from streams.runtime import metrics


class DueGate:
    """
    Implements gated_intake.Gate.

    Args:
        delays: how long a message waits after it was sent, by topic without prefix.
        now: aware, UTC.
    """

    def __init__(
        self, delays: Mapping[str, timedelta], now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._delays = delays
        self._now = now

    def seconds(self, head: Head) -> float:
        """Seconds until the message is due; negative if it is overdue."""
        return (head.sent_at + self._delays[head.topic] - self._now()).total_seconds()

    async def wait(self, seconds: float) -> None:
        """Sleep: nothing makes a message due sooner."""
        await asyncio.sleep(seconds)

    def heads(self, topic: str, partition: int, head: Head | None) -> None:
        """Set the metric of the head's first failure; 0 while nothing waits."""
        since = head and attempt.read(head.headers, now=head.sent_at).first_failed_at
        metrics.OLDEST_PARKED.labels(topic, str(partition)).set(since.timestamp() if since else 0)
