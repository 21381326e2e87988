"""
Limits the time of one read of an object: in total, and more tightly while the store sends nothing.

A store that is silent about some objects, before its answer or in the middle of it, delays all uploads that wait for
their places and their capacity. The wait for capacity, which other objects fill, is not part of the store's time.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from streams.consumer.byte_budget import Claim


class ReadTimeout:
    """
    The time and the capacity of one object's read, its second attempt included. Raises TimeoutError once time is up.

    Attributes:
        has_begun: whether the store has begun to answer.
        silence_seconds: the limit of silence that was set last.
    """

    def __init__(self, claim: Claim, *, seconds: float, silence_seconds: Callable[[], float]) -> None:
        """
        Args:
            claim: takes capacity.
            seconds: the limit in total.
            silence_seconds: the limit of silence; called at the start of each wait for the store.
        """
        self._claim = claim
        self._seconds = seconds
        self._ask_silence_seconds = silence_seconds
        self.silence_seconds = 0.0
        self._timeout = asyncio.timeout(None)
        self._ends = 0.0
        self.has_begun = False

    @property
    def is_silent(self) -> bool:
        """Whether the limit of silence expired, not the total."""
        return self._timeout.expired() and asyncio.get_running_loop().time() < self._ends

    async def reserve(self, size_bytes: int) -> None:
        """Take capacity for ``size_bytes`` in place of what was taken before."""
        self.has_begun = True  # the size comes from the head of the answer
        loop = asyncio.get_running_loop()
        asked = loop.time()
        self._timeout.reschedule(None)
        await self._claim.take(size_bytes)
        self._ends += loop.time() - asked
        self.listen()

    def arrived(self) -> None:
        """Restart the limit of silence: a part of the object has arrived."""
        self.listen()

    def listen(self) -> None:
        """Start the limit of silence. Does nothing once time is up."""
        if self._timeout.expired():  # a thread delivered a part before the reader saw the time-out
            return
        self.silence_seconds = self._ask_silence_seconds()
        now = asyncio.get_running_loop().time()
        self._timeout.reschedule(min(self._ends, now + self.silence_seconds))

    def pause(self) -> None:
        """Release the capacity, and allow any silence until ``listen``."""
        self.has_begun = False
        self._claim.release()
        self._timeout.reschedule(self._ends)

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        self._ends = asyncio.get_running_loop().time() + self._seconds
        self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._timeout.__aexit__(kind, error, trace)
