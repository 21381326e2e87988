"""Throughput and latency now. Pure."""

from collections import deque
from datetime import datetime, timedelta
from typing import Final

import msgspec

from streams.board.latencies import LATENCY_MAX

MINUTE: Final = 60
RECENT_SECONDS: Final = 10
MEASURED_MAX: Final = 1000
"""How many latencies are kept: enough for the p95 of the last minute."""
FEW: Final = 50


class ThroughputView(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    Throughput and latency as sent to the page. Latencies in milliseconds, from upload to result, over the last minute,
    or over the last 50 results if the minute had fewer; absent if there are none.
    """

    rate: float = 0.0
    """Results per second, over the last 10 s."""
    p50: int | None = None
    p95: int | None = None
    work: int | None = None
    """Median time in the classifier."""


class Throughput:
    """Counts results by their second in Kafka, so that messages read late do not look like a burst."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._latencies: deque[tuple[float, int, int | None]] = deque(maxlen=MEASURED_MAX)

    def observe(self, at: datetime, *, uploaded_at: datetime, decided_at: datetime, work: int | None) -> None:
        """Add a result that reached Kafka at a moment; ``work`` in milliseconds."""
        second = int(at.timestamp())
        self._counts[second] = self._counts.get(second, 0) + 1
        if len(self._counts) > MINUTE:
            self._forget(max(self._counts) - RECENT_SECONDS)
        took = decided_at - uploaded_at
        if timedelta(0) <= took < LATENCY_MAX:
            self._latencies.append((at.timestamp(), round(took.total_seconds() * 1000), work))

    def view(self, now: datetime) -> ThroughputView:
        """The throughput of the 10 s before the current second, and the latency of the last minute."""
        this_second = int(now.timestamp())
        self._forget(this_second - RECENT_SECONDS)
        results = sum(self._counts.get(second, 0) for second in range(this_second - RECENT_SECONDS, this_second))
        since = now.timestamp() - MINUTE
        recent = [each for each in self._latencies if each[0] >= since]
        if len(recent) < FEW:  # a quiet hour: the last ones, of any age
            recent = list(self._latencies)[-FEW:]
        took = sorted(each[1] for each in recent)
        work = sorted(each[2] for each in recent if each[2] is not None)
        return ThroughputView(
            rate=results / RECENT_SECONDS,
            p50=_nearest_rank(took, 50),
            p95=_nearest_rank(took, 95),
            work=_nearest_rank(work, 50),
        )

    def _forget(self, before: int) -> None:
        for second in [each for each in self._counts if each < before]:
            del self._counts[second]


def _nearest_rank(ordered: list[int], percent: int) -> int | None:
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)] if ordered else None
