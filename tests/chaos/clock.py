"""The time of a run, which stands still while what was broken is mended before something strikes in calm."""

import asyncio
import time

_LOOK_SECONDS = 0.1


class Clock:
    """Seconds since it was made, less those in which it stood still. May be read from any thread."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._stopped_at: float | None = None

    def now(self) -> float:
        """Seconds."""
        return (self._stopped_at or time.monotonic()) - self._began

    def stop(self) -> None:
        """Stand still."""
        self._stopped_at = time.monotonic()

    def go(self) -> None:
        """Go on where it stopped."""
        if self._stopped_at is not None:
            self._began += time.monotonic() - self._stopped_at
            self._stopped_at = None

    async def reach(self, seconds: float) -> None:
        """Return when it is so late."""
        while (left := seconds - self.now()) > 0:
            await asyncio.sleep(min(left, _LOOK_SECONDS))

    def reach_in_thread(self, seconds: float) -> None:
        """The same, for a thread of its own."""
        while (left := seconds - self.now()) > 0:
            time.sleep(min(left, _LOOK_SECONDS))
