"""
How long a picture may keep a decoding process, on the clock: less while others hang. Pure.

A picture that hangs costs everybody behind it the whole limit. One is bearable; twenty in a row are not. So once one
did, the limit falls for a while to what ordinary pictures stay far below.
"""

import time
from collections.abc import Callable
from typing import Final

SHORT_SECONDS: Final = 0.3
"""While others hang. An ordinary photograph takes 0.005 to 0.1 s."""
MEMORY_SECONDS: Final = 60.0


class Patience:
    """The limit of the moment, for a caller that tries what exceeds it again elsewhere, with more time."""

    def __init__(
        self, seconds: float, short_seconds: float = SHORT_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """
        Args:
            seconds: on the clock, usually.
            short_seconds: for ``MEMORY_SECONDS`` after a picture had a process for longer than this, and killed it.
            clock: seconds, monotonic.
        """
        self._seconds = seconds
        self._short_seconds = min(short_seconds, seconds)
        self._clock = clock
        self._lost_at = float("-inf")

    @property
    def seconds(self) -> float:
        """What the next picture may take."""
        return self._short_seconds if self._hurries else self._seconds

    def lose(self, after_seconds: float) -> None:
        """
        A process was lost to a picture.

        Args:
            after_seconds: that the picture had it. One that crashes it at once holds up nobody. One that only exceeded
                the short limit may be large, or the machine slow: a limit that kept itself up would never end.
        """
        if after_seconds > self._short_seconds and not self._hurries:
            self._lost_at = self._clock()

    @property
    def _hurries(self) -> bool:
        return self._clock() - self._lost_at < MEMORY_SECONDS
