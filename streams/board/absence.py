"""Since when a consumer group has had no members, or nothing has been received from the queue. Pure."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

QUEUE_STANDS_AFTER: Final = timedelta(seconds=10)
"""
Between two looks at least. A running bridge has some messages in flight. This allows for its long poll, for SQS's
approximate counts, and for a look in the moment in which a message has come and nobody has received it yet.
"""

Part = Literal["bridge", "classifier", "sink"]


@dataclass(frozen=True, slots=True)
class Absence:
    """``is_since_before``: the part was absent already when the board first looked."""

    since: datetime
    is_since_before: bool


@dataclass(slots=True)
class Absences:
    """Which parts are absent, and since when."""

    _seen: set[Part] = field(default_factory=set)
    _absent: dict[Part, Absence] = field(default_factory=dict)
    _looked_at: dict[Part, datetime] = field(default_factory=dict)

    def look(self, part: Part, at: datetime, *, is_there: bool | None) -> None:
        """Record whether a part was present at a moment; None: unknown."""
        self._looked_at[part] = at
        if is_there is False:
            self._absent.setdefault(part, Absence(at, part not in self._seen))
            return
        self._absent.pop(part, None)
        if is_there:
            self._seen.add(part)

    def now(self) -> dict[Part, Absence]:
        """The absent parts as of the latest looks, in the order of the pipeline."""
        parts: tuple[Part, ...] = ("bridge", "classifier", "sink")
        return {
            part: self._absent[part]
            for part in parts
            if part in self._absent
            and (part != "bridge" or self._looked_at[part] - self._absent[part].since >= QUEUE_STANDS_AFTER)
        }
