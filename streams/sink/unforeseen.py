"""
When our own code fails on an event in a way that nobody foresaw: whose fault is it? Pure.

Usually the event's: it becomes a dead letter, with the trace in the log, and is replayed after the next release. But a
release that fails on everything must not give up everything. So after ``IN_A_ROW`` different ones, with no event
between them that was stored, nothing more is given up until one is stored.
"""

from collections.abc import Hashable
from typing import Final

from persistence.errors import PermanentPersistenceError

IN_A_ROW: Final = 20
"""
So many are dead letters before the sink stops. Fewer would let somebody who sends a handful of hostile messages stop it
in a quiet hour; more would only lengthen the list that is replayed after the next release.
"""


class UnforeseenError(PermanentPersistenceError):
    """Our own code failed on this event; ``__cause__`` is how."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(f"petstream itself failed on it: {type(cause).__name__}: {cause}")
        self.__cause__ = cause


class NothingSucceedsError(Exception):
    """The last events, each another, all failed in a way that nobody foresaw: it is not the events."""


class Unforeseen:
    """Counts the events that failed so since the last one that was stored."""

    def __init__(self, in_a_row: int = IN_A_ROW) -> None:
        self._in_a_row = in_a_row
        self._failed: set[Hashable] = set()

    def succeeded(self) -> None:
        """An event was stored: the code works, by and large."""
        self._failed.clear()

    def failed(self, event: Hashable, error: UnforeseenError) -> None:
        """
        Return if the event may be given up; it stays so when asked again.

        Raises:
            NothingSucceedsError: it may not, until another one has succeeded.
        """
        if event in self._failed:
            return
        if len(self._failed) + 1 >= self._in_a_row:
            raise NothingSucceedsError(
                f"the last {self._in_a_row} events, each another, failed unforeseen ({error}): nothing more is given "
                "up. Look at the log, event.failed; the next release goes on here"
            ) from error
        self._failed.add(event)
