"""
A circuit breaker: stops the work that needs a component while the component is unavailable for every object, and probes
it until it recovers.

It opens only when nothing works: the latest calls, for at least ``different`` objects over at least ``seconds``, all
failed, and none was answered. While it is open, each object that has not failed yet gets one attempt, since only the
others may be failing. Of the failed objects, one at a time passes as a probe, after a back-off. The first answer closes
the circuit. A failure among answers does not open it: that object is parked (``streams.retry``), and no other object is
affected.

Not a library's: the maintained ones (pybreaker, aiobreaker, purgatory) count calls. Here an object that is retried many
times must count once, and a caller has to wait for an open circuit instead of failing.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from typing import Final

from streams.runtime import metrics
from streams.runtime.components import Component
from streams.runtime.outages import Outages

DIFFERENT_OBJECTS: Final = 8
"""The number of different objects that must have failed in a row. Fewer may all belong to one user."""
LEAST_SECONDS: Final = 2.0
"""The least time that these failures must span: a momentary burst is not an outage."""
MOST_KEYS: Final = 4096
"""Keys remembered while the circuit is open: more than are in flight, and so all that can have failed."""
FIRST_PROBE_SECONDS: Final = 0.5
LONGEST_PROBE_SECONDS: Final = 15.0

Works = Callable[[Exception], bool | None]
"""Whether the component works, judging by the exception of a call; None: the exception does not show it."""


class Circuit:
    """
    The circuit of one component. Its openings and closings are declared to ``outages``.

    Args:
        component: what the calls need.
        outages: notified of each opening and closing.
        works: judges the exceptions of calls. A call that raises nothing shows that the component works.
        different: how many different keys must have failed in a row.
        seconds: from the first of these failures to the last, at least.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        component: Component,
        outages: Outages,
        *,
        works: Works,
        different: int = DIFFERENT_OBJECTS,
        seconds: float = LEAST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._component = component
        self._outages = outages
        self._works = works
        self._different = different
        self._seconds = seconds
        self._clock = clock
        self._failed_keys: set[Hashable] = set()
        self._failing_since = 0.0
        self._is_open = False
        self.openings = 0
        """How often it has opened."""
        self._is_probing = False
        self._next_probe = 0.0
        self._back_off = FIRST_PROBE_SECONDS
        self._changed = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether the component is considered unavailable for every object."""
        return self._is_open

    @asynccontextmanager
    async def call(self, key: Hashable) -> AsyncIterator[bool]:
        """
        A call that needs the component, for the object ``key``. Waits while the circuit is open and ``key`` has failed.

        Yields:
            whether this call is the probe of an open circuit.

        Raises:
            whatever the call raises; ``is_open`` then shows whether the component or the object is at fault.
        """
        is_probe = await self._admitted(key)
        try:
            yield is_probe
        except Exception as error:
            match self._works(error):
                case True:
                    self.close()
                case False:
                    self._failed(key, error, is_probe=is_probe)
            raise
        else:
            self.close()
        finally:
            if is_probe:
                self._is_probing = False
                self._wake()

    async def _admitted(self, key: Hashable) -> bool:
        """Wait until a call may be made; return whether it is the probe."""
        while self._is_open and (key in self._failed_keys or len(self._failed_keys) >= MOST_KEYS):
            wait_seconds = self._next_probe - self._clock()
            if wait_seconds <= 0 and not self._is_probing:
                self._is_probing = True
                return True
            try:
                async with asyncio.timeout(None if self._is_probing else wait_seconds):
                    await self._changed.wait()
            except TimeoutError:
                continue
        return False

    def _failed(self, key: Hashable, error: Exception, *, is_probe: bool) -> None:
        now = self._clock()
        metrics.RETRIES.labels(self._component).inc()
        if not self._failed_keys:
            self._failing_since = now
        if len(self._failed_keys) < MOST_KEYS:
            self._failed_keys.add(key)
        if self._is_open:
            self._outages.begin(self._component, error)
            if is_probe:
                self._back_off = min(2 * self._back_off, LONGEST_PROBE_SECONDS)
                self._next_probe = now + self._back_off * random.uniform(0.5, 1)  # noqa: S311 - jitter, no secret
            return
        if len(self._failed_keys) >= self._different and now - self._failing_since >= self._seconds:
            self._is_open = True
            self.openings += 1
            self._back_off = FIRST_PROBE_SECONDS
            self._next_probe = now + self._back_off
            self._outages.begin(self._component, error)

    def close(self) -> None:
        """Record that the component has answered: release all waiting calls and forget earlier failures."""
        self._failed_keys.clear()
        if self._is_open:
            self._is_open = False
            self._outages.end(self._component)
            self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
