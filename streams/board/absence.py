"""Who takes no part: since when a group has had no member, and since when nobody has taken from the queue. Pure."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

QUEUE_STANDS_AFTER: Final = timedelta(seconds=10)
"""A bridge that runs has some of what waits in hand. Its long poll, and counts that are approximate, get this long."""

Part = Literal["bridge", "classifier", "sink"]


@dataclass(frozen=True, slots=True)
class Absence:
    """``is_since_before``: it was so already when the board first looked."""

    since: datetime
    is_since_before: bool


@dataclass(slots=True)
class Absences:
    """What was seen of each part at each look."""

    _seen: set[Part] = field(default_factory=set)
    _absent: dict[Part, Absence] = field(default_factory=dict)

    def look(self, part: Part, at: datetime, *, is_there: bool | None) -> None:
        """Whether a part was there at a moment; None: that is not known."""
        if is_there is False:
            self._absent.setdefault(part, Absence(at, part not in self._seen))
            return
        self._absent.pop(part, None)
        if is_there:
            self._seen.add(part)

    def at(self, now: datetime) -> dict[Part, Absence]:
        """Who is away at a moment, in the order of a picture's way."""
        parts: tuple[Part, ...] = ("bridge", "classifier", "sink")
        return {
            part: self._absent[part]
            for part in parts
            if part in self._absent and (part != "bridge" or now - self._absent[part].since >= QUEUE_STANDS_AFTER)
        }
