"""
The gate before the bulk topic: uploads that petstream enqueued itself are taken while live uploads leave capacity.

A picture that is being decoded or classified cannot be preempted. So live uploads stay as fast as without bulk work
only if little of it is ahead of them when they arrive, and the gate limits it before it is taken.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from streams.consumer.gated_intake import Head

QUIET_SECONDS: Final = 10.0
"""After this long without a live upload none is expected, and bulk work may occupy the whole machine."""
STARVED_SECONDS: Final = 1.0
"""How often one bulk upload is taken, however many live ones there are: bulk work is slow then, but never stops."""
_LOOK_SECONDS: Final = 0.1
"""How soon the gate notices that time has opened it. A settled upload opens it at once."""


@dataclass(frozen=True, slots=True)
class BulkLimit:
    """
    How many bulk uploads may be in flight. Pure.

    Attributes:
        beside: while live uploads arrive now and then, those in flight included; at least 1.
        alone: while none arrive; enough to keep the machine busy.
    """

    beside: int
    alone: int

    @classmethod
    def of(cls, decoders: int, most: int) -> "BulkLimit":
        """
        The limit for this number of decoding processes, and at most ``most`` uploads of a topic in flight.

        Live uploads can spare a quarter of the processes. Eight pictures for each process keep all of them and the
        engine busy, and the first live upload finds no more than a fraction of a second's work ahead of it.
        """
        return cls(beside=max(1, decoders // 4), alone=min(8 * decoders, most))

    def left(self, *, live: int, quiet_seconds: float, starved_seconds: float) -> int:
        """
        How many may be in flight now.

        Args:
            live: live uploads in flight.
            quiet_seconds: since the last one was settled.
            starved_seconds: since a bulk upload was taken or settled.
        """
        if not live and quiet_seconds >= QUIET_SECONDS:
            return self.alone
        return max(self.beside - live, 1 if starved_seconds >= STARVED_SECONDS else 0)


class LiveFirst:
    """See gated_intake.Gate. The intakes of both kinds of uploads report to it (Intake's ``on_change``)."""

    def __init__(self, limit: BulkLimit, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._live = self._bulk = 0
        self._live_at = self._bulk_at = float("-inf")
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()

    def live(self, in_flight: int) -> None:
        """Record the number of live uploads in flight."""
        self._live, self._live_at = in_flight, self._clock()
        self._changed.set()

    def bulk(self, in_flight: int) -> None:
        """Record the number of bulk uploads in flight."""
        self._bulk, self._bulk_at = in_flight, self._clock()
        self._changed.set()

    def seconds(self, _head: Head) -> float:
        """0 if there is capacity for one more."""
        return 0 if self._has_capacity else _LOOK_SECONDS

    @property
    def _has_capacity(self) -> bool:
        now = self._clock()
        left = self._limit.left(live=self._live, quiet_seconds=now - self._live_at, starved_seconds=now - self._bulk_at)
        return self._bulk < left

    async def wait(self, seconds: float) -> None:
        """Return after ``seconds``, or once there is capacity; of many waiting callers, one at a time checks."""
        async with self._turn:
            if self._has_capacity:
                return
            self._changed.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                pass

    def heads(self, topic: str, partition: int, head: Head | None) -> None:
        """Do nothing: bulk uploads are shown once they are taken, as live ones are."""
