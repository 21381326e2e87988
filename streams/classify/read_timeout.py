"""
Limits the time of one read of an object: in total, and more tightly while the store sends nothing.

A store that is silent about some objects, before its answer or in the middle of it, delays all uploads that wait for
their places and their capacity. The wait for capacity, which other objects fill, is not part of the store's time. Nor
is time in which this process did not run: somebody else's long message may hold up the event loop, and so the answer.
"""

import asyncio
from collections.abc import Callable
from math import inf
from types import TracebackType
from typing import Final, Self

from streams.consumer.byte_budget import Claim

LATE_SECONDS: Final = 0.1
"""A limit that expires later than this found the event loop held up. The store's answer may be waiting in it."""


class ReadTimeout:
    """
    The time and the capacity of one object's read, its second attempt included. Raises TimeoutError once time is up.

    Attributes:
        has_begun: whether the store has begun to answer.
        is_silent: whether the limit of silence expired, not the total.
        silence_seconds: the limit of silence that was set last.
        longest_silence: the longest wait so far that ended with something of the object, in seconds.
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
        self.longest_silence = 0.0
        self.has_begun = self.is_silent = False
        self._timeout = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None
        self._ends = self._since = 0.0
        self._allowed = inf

    async def reserve(self, size_bytes: int) -> None:
        """Take capacity for ``size_bytes`` in place of what was taken before."""
        self.has_begun = True  # the size comes from the head of the answer
        self._heard()
        asked = self._now()
        self._stop()
        await self._claim.take(size_bytes)
        self._ends += self._now() - asked
        self.listen()

    def arrived(self) -> None:
        """Restart the limit of silence: a part of the object has arrived."""
        self._heard()
        self.listen()

    def listen(self) -> None:
        """Start the limit of silence. Does nothing once time is up."""
        if self._timeout.expired():  # a thread delivered a part before the reader saw the time-out
            return
        self.silence_seconds = self._ask_silence_seconds()
        self._since = self._now()
        self._allow(self.silence_seconds)

    def pause(self) -> None:
        """Release the capacity, and allow any silence until ``listen``."""
        self.has_begun = False
        self._claim.release()
        self._allow(inf)

    def _heard(self) -> None:
        self.longest_silence = max(self.longest_silence, self._now() - self._since)

    def _allow(self, seconds: float) -> None:
        """End the read after ``seconds``, or when its total time ends."""
        self._stop()
        self._allowed = seconds
        when = min(self._ends, self._now() + seconds)
        self._timer = asyncio.get_running_loop().call_at(when, self._due, when)

    def _due(self, when: float) -> None:
        late = self._now() - when
        if late > LATE_SECONDS:
            self._ends += late
            self._allow(self._allowed)
            return
        self.is_silent = when < self._ends
        self._timeout.reschedule(when)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        self._ends = self._now() + self._seconds
        self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        await self._timeout.__aexit__(kind, error, trace)
