"""A histogram of latencies of fixed size: percentiles within 5 % of the true ones. Pure."""

import math
from collections import defaultdict
from datetime import timedelta
from typing import Final

LATENCY_MAX: Final = timedelta(hours=1)
"""A longer latency comes from a backfill or a replay, and is left out."""
GROWTH: Final = 1.1
"""Each bin is 10 % wider than the one before: 159 bins from 1 ms to LATENCY_MAX."""
ROUNDING: Final = 1e-6


class Latencies:
    """Latencies by bin. Bin n holds those over GROWTH ** (n - 1) and up to GROWTH ** n milliseconds; bin 0 up to 1."""

    def __init__(self) -> None:
        self._bins: defaultdict[int, float] = defaultdict(float)

    def add(self, latency: timedelta, weight: float = 1.0) -> None:
        """Add a latency that counts ``weight`` times, unless it is negative, or LATENCY_MAX or longer."""
        if timedelta(0) <= latency < LATENCY_MAX:
            milliseconds = max(1.0, latency / timedelta(milliseconds=1))
            self._bins[math.ceil(math.log(milliseconds, GROWTH))] += weight

    def percentile(self, percent: int) -> int | None:
        """The middle of the bin of the percentile by nearest rank, in milliseconds; None without latencies."""
        left = sum(self._bins.values()) * percent / 100
        for number, weight in sorted(self._bins.items()):
            left -= weight
            if left <= ROUNDING:
                return round((GROWTH**number + GROWTH ** (number - 1)) / 2)
        return None
