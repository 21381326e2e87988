"""
How long one read of an object may take: some time in all, and less while the store sends nothing.

A store that falls silent about some objects, before its answer or in the middle of it, holds up whoever waits for their
places and their room. Waiting for room, which others fill, is no part of the store's time.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from streams.consumer.byte_budget import Claim


class ReadLimit:
    """
    The time and the room of one object's read, its second attempt included. Raises TimeoutError once time is up.

    Attributes:
        has_begun: whether the store has begun to answer.
        silence_seconds: without a sign of the store's, as it was last allowed.
    """

    def __init__(self, claim: Claim, *, seconds: float, silence_seconds: Callable[[], float]) -> None:
        """
        Args:
            claim: what room is taken of.
            seconds: in all.
            silence_seconds: without a sign of the store's; asked whenever one is waited for.
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
        """Whether the silence took too long, not the whole."""
        return self._timeout.expired() and asyncio.get_running_loop().time() < self._ends

    async def room(self, size_bytes: int) -> None:
        """Take room for so many bytes, instead of what was taken before."""
        self.has_begun = True  # what states a size is an answer's head
        loop = asyncio.get_running_loop()
        asked = loop.time()
        self._timeout.reschedule(None)
        await self._claim.take(size_bytes)
        self._ends += loop.time() - asked
        self.listen()

    def arrived(self) -> None:
        """Some of the object has come: the store has its time again to send more."""
        self.listen()

    def listen(self) -> None:
        """From now on something is expected of the store. Too late, once time is up."""
        if self._timeout.expired():  # a thread's part came before whoever reads heard of it
            return
        self.silence_seconds = self._ask_silence_seconds()
        now = asyncio.get_running_loop().time()
        self._timeout.reschedule(min(self._ends, now + self.silence_seconds))

    def pause(self) -> None:
        """Hold no room, and expect nothing of the store until ``listen``."""
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
