"""
The wall-clock limit for decoding a picture: shorter while pictures hang. Pure.

A picture that hangs makes those behind it wait for the whole limit. Twenty in a row would be too many. So after one,
the limit falls for MEMORY_SECONDS to a value that ordinary pictures stay far below.
"""

import time
from collections.abc import Callable
from typing import Final

SHORT_SECONDS: Final = 0.3
"""The limit while pictures hang. An ordinary photograph takes 0.005 to 0.1 s."""
MEMORY_SECONDS: Final = 60.0


class AdaptiveTimeout:
    """The current limit. The caller must try a picture that exceeds it again elsewhere, with more time."""

    def __init__(
        self, seconds: float, short_seconds: float = SHORT_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """
        Args:
            seconds: the normal limit.
            short_seconds: the limit for ``MEMORY_SECONDS`` after a picture hung for longer than this.
            clock: seconds, monotonic.
        """
        self._seconds = seconds
        self._short_seconds = min(short_seconds, seconds)
        self._clock = clock
        self._lost_at = float("-inf")

    @property
    def seconds(self) -> float:
        """The limit for the next picture."""
        return self._short_seconds if self._is_short else self._seconds

    def record_loss(self, after_seconds: float) -> None:
        """
        A picture killed or hung its process.

        Args:
            after_seconds: how long the picture had the process. A crash at once does not shorten the limit. Neither
                does a timeout of the short limit: the picture may be large or the machine slow, and the short limit
                would renew itself for ever.
        """
        if after_seconds > self._short_seconds and not self._is_short:
            self._lost_at = self._clock()

    @property
    def _is_short(self) -> bool:
        return self._clock() - self._lost_at < MEMORY_SECONDS
