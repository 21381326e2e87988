"""A rate limiter: turns at fixed intervals of a monotonic clock."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

BEHIND_MAX_SECONDS: Final = 1.0
"""After a pause (an outage, a slow page), at most this much of the lost time is made up in a burst."""


class Pace:
    """Grants ``rate`` turns a second; None means no limit."""

    def __init__(
        self,
        rate: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._interval = 1 / rate if rate is not None else 0.0
        self._clock = clock
        self._sleep = sleep
        self._next_at = clock()

    async def turn(self) -> None:
        """Wait for the next turn."""
        if not self._interval:
            return
        now = self._clock()
        due = max(self._next_at, now - BEHIND_MAX_SECONDS)
        self._next_at = due + self._interval
        if due > now:
            await self._sleep(due - now)
