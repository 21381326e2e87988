"""
Records messages that Kafka deleted before they were read, because retention was shorter than the backlog.

A loss is logged once, and is a warning for a day. A consumer whose position is older than the log continues where the
log now begins, and the client does not report that.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog

from streams.runtime import metrics

WARNING_SECONDS: Final = 24 * 60 * 60.0
"""How long /health warns of a loss: time for a person, or the next reconcile run, to repair it."""
WARNINGS_MAX: Final = 20
"""The number of losses shown, the newest ones; the metric counts all."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Loss:
    """Offsets ``first`` to ``last``, both included, of one partition. ``topic`` is without prefix."""

    topic: str
    partition: int
    first: int
    last: int
    at: float
    """When it was noticed, in seconds since 1970."""

    def __str__(self) -> str:
        """A sentence for people."""
        noticed = f"{datetime.fromtimestamp(self.at, UTC):%Y-%m-%dT%H:%M:%SZ}"
        return (
            f"{self.topic}, partition {self.partition}: Kafka deleted offsets {self.first} to {self.last} before they "
            f"were read (noticed {noticed}): run petstream reconcile --enqueue"
        )


def lost(expected: int, found: int, beginning: int) -> range | None:
    """
    The offsets that retention deleted, if any. Pure.

    Args:
        expected: the next offset to be read.
        found: the offset that was read instead, greater than ``expected``.
        beginning: the oldest offset that the log still has. Missing offsets from there on held no message: the marker
            of a transaction, or what compaction removed.
    """
    end = min(found, beginning)
    return range(expected, end) if end > expected else None


class Losses:
    """The recent losses. Written from the event loop's thread, read from the health server's."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._losses: deque[Loss] = deque(maxlen=WARNINGS_MAX)

    def record(self, topic: str, partition: int, offsets: range) -> None:
        """Log and count a loss, and add it to the warnings."""
        self._losses.append(Loss(topic, partition, offsets[0], offsets[-1], self._clock()))
        metrics.RECORDS_LOST.labels(topic).inc(len(offsets))
        log.error(
            "records.lost",
            topic=topic,
            partition=partition,
            first_offset=offsets[0],
            last_offset=offsets[-1],
            records=len(offsets),
            remedy="petstream reconcile --enqueue; then raise retention.ms of the topic",
        )

    @property
    def warnings(self) -> list[str]:
        """The losses of the last day, oldest first."""
        return [str(loss) for loss in tuple(self._losses) if self._clock() - loss.at < WARNING_SECONDS]
