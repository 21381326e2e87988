"""Bounds the bytes in flight, so that a backlog of huge pictures does not grow the memory of the process."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

PARKED_SHARE: Final = 4
"""One part in PARKED_SHARE of all bytes is reserved for parked uploads."""


class ByteBudget:
    """
    A semaphore weighted in bytes; first come, first served, so that small pictures never starve a large one.

    A picture larger than the whole budget may go alone: its own limit refuses it elsewhere.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._free = max_bytes
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def used(self) -> int:
        """Bytes taken now."""
        return self._max_bytes - self._free

    @contextmanager
    def claim(self) -> Iterator["Claim"]:
        """One picture's claim, released at the end of this context. It holds nothing until ``take``."""
        claim = Claim(self)
        try:
            yield claim
        finally:
            claim.release()

    async def _acquire(self, weight: int) -> None:
        if not self._queue and weight <= self._free:
            self._free -= weight
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (weight, granted)
        self._queue.append(entry)
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self._release(weight)  # granted and cancelled in the same turn of the loop
            else:
                if entry in self._queue:  # else _grant has dropped it already
                    self._queue.remove(entry)
                self._grant()
            raise

    def _release(self, weight: int) -> None:
        self._free += weight
        self._grant()

    def _grant(self) -> None:
        while self._queue and self._queue[0][0] <= self._free:
            weight, granted = self._queue.popleft()
            if granted.cancelled():
                continue
            self._free -= weight
            granted.set_result(None)


class Claim:
    """One picture's share of a budget. It never waits while it holds bytes, so no two claims wait for each other."""

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self._held = 0

    async def take(self, size_bytes: int) -> None:
        """Hold ``size_bytes`` in place of what was held before; wait until they are free."""
        self.release()
        weight = min(size_bytes, self._budget._max_bytes)  # noqa: SLF001 - the two are one
        await self._budget._acquire(weight)  # noqa: SLF001
        self._held = weight

    def release(self) -> None:
        """Give back what is held."""
        held, self._held = self._held, 0
        self._budget._release(held)  # noqa: SLF001


@dataclass(frozen=True, slots=True)
class Budgets:
    """
    Two separate budgets, for new and for parked uploads.

    The read of a parked upload may take a minute. With one budget, a few that the store begins to send and never ends
    would hold all bytes, and every new upload would wait for them.
    """

    incoming: ByteBudget
    parked: ByteBudget

    @classmethod
    def of(cls, max_bytes: int) -> "Budgets":
        """Split ``max_bytes`` into the two budgets."""
        parked = max_bytes // PARKED_SHARE
        return cls(ByteBudget(max_bytes - parked), ByteBudget(parked))

    @property
    def used(self) -> int:
        """Bytes taken now."""
        return self.incoming.used + self.parked.used
