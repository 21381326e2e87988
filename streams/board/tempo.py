"""How many results come, over the last minute, and how long they take. Pure."""

from collections import deque
from datetime import datetime, timedelta
from typing import Final

import msgspec

MINUTE: Final = 60
RECENT_SECONDS: Final = 10
MEASURED_MAX: Final = 1000
"""Latencies that are kept; a sample of the last minute that is large enough for a 95th percentile."""
FEW: Final = 50
OLD_NEWS: Final = timedelta(hours=1)
"""What was uploaded longer ago comes of a backfill or a replay: how long it took says nothing of today."""


class TempoView(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    The tempo as the page gets it. Latencies in milliseconds, from upload to result, of the last minute or, where there
    were few, of the last 50; absent without any.
    """

    history: list[int]
    """Results of each of the last 60 whole seconds, the oldest first."""
    rate: float = 0.0
    """Results a second, over the last 10 of them."""
    p50: int | None = None
    p95: int | None = None
    work: int | None = None
    """The middle one of the times in the classifier."""


class Tempo:
    """Counts results by the second in which Kafka got them, so that what is read late does not look like a rush."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._latencies: deque[tuple[float, int, int | None]] = deque(maxlen=MEASURED_MAX)

    def observe(self, at: datetime, *, uploaded_at: datetime, decided_at: datetime, work: int | None) -> None:
        """One result that Kafka got at a moment; ``work`` in milliseconds."""
        second = int(at.timestamp())
        self._counts[second] = self._counts.get(second, 0) + 1
        if len(self._counts) > 4 * MINUTE:
            self._forget(max(self._counts) - 2 * MINUTE)
        took = decided_at - uploaded_at
        if timedelta(0) <= took < OLD_NEWS:
            self._latencies.append((at.timestamp(), round(took.total_seconds() * 1000), work))

    def view(self, now: datetime) -> TempoView:
        """The minute that ends now; the second that has just begun is not in it."""
        this_second = int(now.timestamp())
        self._forget(this_second - 2 * MINUTE)
        history = [self._counts.get(second, 0) for second in range(this_second - MINUTE, this_second)]
        since = now.timestamp() - MINUTE
        recent = [each for each in self._latencies if each[0] >= since]
        if len(recent) < FEW:  # a quiet hour: the last ones, however long ago
            recent = list(self._latencies)[-FEW:]
        took = sorted(each[1] for each in recent)
        work = sorted(each[2] for each in recent if each[2] is not None)
        return TempoView(
            history=history,
            rate=sum(history[-RECENT_SECONDS:]) / RECENT_SECONDS,
            p50=_nearest_rank(took, 50),
            p95=_nearest_rank(took, 95),
            work=_nearest_rank(work, 50),
        )

    def _forget(self, before: int) -> None:
        for second in [each for each in self._counts if each < before]:
            del self._counts[second]


def _nearest_rank(ordered: list[int], percent: int) -> int | None:
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)] if ordered else None
