"""
How long a picture may keep a decoding process, on the clock: less while others hang. Pure.

A picture that hangs costs everybody behind it the whole limit. One is bearable; twenty in a row are not. So once a few
processes were lost, the limit falls for a while to what ordinary pictures stay far below.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

SHORT_SECONDS: Final = 0.3
"""While others hang. An ordinary photograph takes 0.005 to 0.1 s."""
LOSSES: Final = 2
MEMORY_SECONDS: Final = 60.0


class Patience:
    """The limit of the moment, for a caller that tries what exceeds it again elsewhere, with more time."""

    def __init__(
        self, seconds: float, short_seconds: float = SHORT_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """
        Args:
            seconds: on the clock, usually.
            short_seconds: once ``LOSSES`` processes were lost within ``MEMORY_SECONDS``.
            clock: seconds, monotonic.
        """
        self._seconds = seconds
        self._short_seconds = min(short_seconds, seconds)
        self._clock = clock
        self._lost: deque[float] = deque(maxlen=LOSSES)

    @property
    def seconds(self) -> float:
        """What the next picture may take."""
        return self._short_seconds if self.hurries else self._seconds

    @property
    def hurries(self) -> bool:
        """Whether processes are being lost at this time."""
        return len(self._lost) == LOSSES and self._clock() - self._lost[0] < MEMORY_SECONDS

    def lose(self, after_seconds: float) -> None:
        """
        A process was lost to a picture.

        Args:
            after_seconds: that it had the picture. One that only exceeded the short limit counts for nothing: it may
                be large, or the machine slow, and a limit that keeps itself up would never end.
        """
        if not self.hurries or after_seconds < self._short_seconds:
            self._lost.append(self._clock())
