"""
"If everything fails the same way, it is an outage, whatever the code says." Counts what ends alike. Pure.

Not counted: what is proven to be the picture's own fault (classify.py says how), and what depends on no part of ours
that could break: a picture of no pet, one above a stated limit, a message that names no object. Any ending that shows
that the parts work starts the count again.
"""

import time
from collections.abc import Callable, Mapping
from typing import Final, Literal
from uuid import UUID

from streams.contracts import Reason
from streams.outages import Component

Likeness = Literal["unreadable", "missing", "no_user"]

LIKENESS: Final[Mapping[str, Likeness]] = {
    "undecodable": "unreadable",
    "unsupported_format": "unreadable",
    "decoder_crashed": "unreadable",
    "missing": "missing",
    "no_user": "no_user",
}
"""Reasons that a broken part of ours could give to every picture: decoder or store, store, key pattern."""

SILENT: Final = frozenset({"too_many_bytes", "forbidden"})
"""Reasons that say nothing of the parts: not even fetched, or judged by its own evidence."""

GUARD: Final[Component] = "guard"


class DoubtfulRejectionError(Exception):
    """The rejection would blame a picture for what seems to be a fault of ours: it is not given, and tried again."""


class Trust:
    """
    Whether a failure counts: one that began before the parts were seen to work again may have met them broken.

    Without this, what is on its way when the cause is mended would fail the old way and be blamed in the new light.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._doubted = float("-inf")
        self._proved = float("-inf")

    def now(self) -> float:
        """The moment at which an attempt begins."""
        return self._clock()

    def doubt(self) -> None:
        """The parts were seen not to work, or could not be seen to."""
        self._doubted = self._clock()

    def prove(self) -> None:
        """The parts were seen to work. The first time after a doubt counts: attempts that begin later are covered."""
        if self._proved <= self._doubted:
            self._proved = self._clock()

    def covers(self, began: float) -> bool:
        """Whether the parts worked when the attempt began, as far as is known."""
        return self._doubted == float("-inf") or self._doubted < self._proved <= began


class Streak:
    """How many different objects in a row ended alike. ``most`` of them are suspicious; 0: never."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._likeness: Likeness | None = None
        self._objects: set[UUID] = set()

    @property
    def likeness(self) -> Likeness | None:
        """What they have in common."""
        return self._likeness

    def suspects(self, object_id: UUID, reason: Reason | None) -> bool:
        """Note how an object ended (None: with a label); whether that is now too much of the same."""
        if not self._most or reason in SILENT:
            return False
        likeness = LIKENESS.get(reason) if reason else None
        if likeness is None or likeness != self._likeness:
            self.clear()
            self._likeness = likeness
        if likeness is not None:
            self._objects.add(object_id)
        return len(self._objects) >= self._most

    def clear(self) -> None:
        """Start again: the parts are seen to work."""
        self._likeness = None
        self._objects.clear()

    def __str__(self) -> str:
        return f"the last {len(self._objects)} pictures are all {self._likeness}"
