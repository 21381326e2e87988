"""Bounds the bytes that are in flight, so that a backlog of huge pictures does not grow the process."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class ByteBudget:
    """
    A semaphore that is weighed in bytes; first come, first served, so that small pictures never starve a large one.

    A picture larger than the whole budget may go alone: it is refused elsewhere, by its own limit.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._free = max_bytes
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def used(self) -> int:
        """Bytes taken now."""
        return self._max_bytes - self._free

    @asynccontextmanager
    async def hold(self, size_bytes: int) -> AsyncIterator[None]:
        """Wait until so many bytes are free, and hold them within the context."""
        weight = min(size_bytes, self._max_bytes)
        await self._acquire(weight)
        try:
            yield
        finally:
            self._release(weight)

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
                if entry in self._queue:  # else it was passed over already
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
