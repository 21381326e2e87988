"""
Stops dead letters when petstream itself fails on every event. Pure.

An unexpected exception is usually one event's: the event becomes a dead letter, the trace is in the log, and it is
replayed after the next release. But a release that fails on all events must not turn all of them into dead letters. So
after ``IN_A_ROW`` different events failed with none stored in between, no more become dead letters until one is stored.
"""

from collections.abc import Hashable
from typing import Final

from persistence.errors import PermanentPersistenceError

IN_A_ROW: Final = 20
"""
A lower number would let a handful of hostile messages stop the sink in a quiet hour. A higher one would only add dead
letters to replay after the next release.
"""


class UnforeseenError(PermanentPersistenceError):
    """petstream failed on this event; ``__cause__`` is the exception."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(f"petstream itself failed on it: {type(cause).__name__}: {cause}")
        self.__cause__ = cause


class ConsecutiveFailuresError(Exception):
    """The last events, all different, failed with unexpected exceptions: petstream is at fault, not the events."""


class ConsecutiveFailures:
    """Counts the events with unexpected exceptions since the last event that was stored."""

    def __init__(self, in_a_row: int = IN_A_ROW) -> None:
        self._in_a_row = in_a_row
        self._failed: set[Hashable] = set()

    def succeeded(self) -> None:
        """An event was stored: start counting anew."""
        self._failed.clear()

    def failed(self, event: Hashable, error: UnforeseenError) -> None:
        """
        Return if the event may become a dead letter; the same event may again.

        Raises:
            ConsecutiveFailuresError: too many events in a row failed; no dead letter until one succeeds.
        """
        if event in self._failed:
            return
        if len(self._failed) + 1 >= self._in_a_row:
            raise ConsecutiveFailuresError(
                f"the last {self._in_a_row} different events failed with unexpected exceptions ({error}): the sink "
                "waits. See event.failed in the log; a fixed release continues here"
            ) from error
        self._failed.add(event)
