"""
A circuit breaker: stops the work that needs a part while the part works for nobody, and finds out when it works again.

It opens only when nothing works: the last calls, for so many different objects over so many seconds, all failed, and
not one was answered. While it is open each object that has not failed yet gets one attempt: it may well be only the
others that fail. Of those that have, one at a time goes through, as a probe, after a back-off. The first answer closes
it. A failure among answers opens nothing: that object is parked (``streams.retry``), and nobody else notices.

Not a library's: those that are kept (pybreaker, aiobreaker, purgatory) count calls. Here one object that is tried again
and again must count once, and a caller has to wait for an open circuit instead of failing.
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
"""So many different objects in a row must have failed: fewer may be one user's."""
LEAST_SECONDS: Final = 2.0
"""Over at least so long: one moment's failures are no outage."""
MOST_KEYS: Final = 4096
"""Remembered while the circuit is open: more than are in flight, and so all that can have failed."""
FIRST_PROBE_SECONDS: Final = 0.5
LONGEST_PROBE_SECONDS: Final = 15.0

Works = Callable[[Exception], bool | None]
"""Whether the part works, going by what a call raised; None: that says nothing of it."""


class Circuit:
    """
    The circuit of one component. Its openings and closings are declared to ``outages``.

    Args:
        component: what stands or works.
        outages: told at each edge.
        works: asked about the errors of calls. A call that raises nothing shows that the part works.
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
        """Whether the part works for nobody, as far as is known."""
        return self._is_open

    @asynccontextmanager
    async def call(self, key: Hashable) -> AsyncIterator[bool]:
        """
        A call that needs the part, on behalf of the object ``key``. Waits while the circuit is open and ``key`` failed.

        Yields:
            whether this call is the probe of an open circuit.

        Raises:
            whatever the call raises; ``is_open`` then tells whether to blame the part or the object.
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
        """Return when a call may be made; whether it is the probe."""
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
        """The part has answered: let everybody go, and forget the failures before."""
        self._failed_keys.clear()
        if self._is_open:
            self._is_open = False
            self._outages.end(self._component)
            self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
