"""
The gate before the bulk topic: what petstream enqueued itself is taken while live uploads leave room for it.

No picture of either kind can be put aside once it is being decoded or judged, so live uploads are as fast as without
bulk only if there is little bulk work before them when they come. How much there may be is decided before it is taken.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from streams.consumer.gated_intake import Head

QUIET_SECONDS: Final = 10.0
"""After so long without a live upload none is expected: the next one may find the whole machine at bulk work."""
STARVED_SECONDS: Final = 1.0
"""So often one bulk upload is taken however many live ones there are: bulk work is slow then, and never stands."""
_LOOK_SECONDS: Final = 0.1
"""How soon it is noticed that time has opened the gate. What settles opens it at once."""


@dataclass(frozen=True, slots=True)
class Room:
    """
    How many bulk uploads may be in flight. Pure.

    Attributes:
        beside: while live uploads come now and then, those in flight included; at least 1.
        alone: while none come: what keeps the machine busy.
    """

    beside: int
    alone: int

    @classmethod
    def of(cls, decoders: int, most: int) -> "Room":
        """
        For so many decoding processes, and at most so many uploads of a topic in flight.

        A quarter of the processes is not missed. Eight pictures for each keep all of them and the engine busy, and the
        first live upload finds no more than a fraction of a second's work before it.
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
    """See gated_intake.Gate. Told of both kinds of uploads by their intakes (Intake's ``on_change``)."""

    def __init__(self, room: Room, clock: Callable[[], float] = time.monotonic) -> None:
        self._room = room
        self._clock = clock
        self._live = self._bulk = 0
        self._live_at = self._bulk_at = float("-inf")
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()

    def live(self, in_flight: int) -> None:
        """So many live uploads are in flight."""
        self._live, self._live_at = in_flight, self._clock()
        self._changed.set()

    def bulk(self, in_flight: int) -> None:
        """So many bulk uploads are in flight."""
        self._bulk, self._bulk_at = in_flight, self._clock()
        self._changed.set()

    def seconds(self, _head: Head) -> float:
        """0: there is room for one more."""
        return 0 if self._has_room else _LOOK_SECONDS

    @property
    def _has_room(self) -> bool:
        now = self._clock()
        left = self._room.left(live=self._live, quiet_seconds=now - self._live_at, starved_seconds=now - self._bulk_at)
        return self._bulk < left

    async def wait(self, seconds: float) -> None:
        """Return after so long, or once there is room; of many who wait, one at a time looks."""
        async with self._turn:
            if self._has_room:
                return
            self._changed.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                pass

    def heads(self, topic: str, partition: int, head: Head | None) -> None:
        """Nothing: bulk uploads are shown as live ones are, once they are taken."""
