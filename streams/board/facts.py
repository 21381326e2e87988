"""What the board knows of the pipeline at a moment: the input of its sentence and of the components' states. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from streams.board.absence import Absence, Part
from streams.board.processes import Heard
from streams.contracts import PipelineStatus

Presence = Literal["there", "away", "unknown", "none"]
"""``none``: not configured."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether the board reaches a dependency, and since when it does or does not."""

    presence: Presence = "unknown"
    since: datetime | None = None

    def found(self, presence: Presence, at: datetime) -> "Reach":
        """The reach after another look."""
        return self if presence == self.presence else Reach(presence, at)


@dataclass(frozen=True, slots=True)
class WaitingWork:
    """
    Work that waits in one place. ``count`` is in messages; None: unknown.

    ``oldest`` is since when the oldest message waits, None if that is unknown. SQS does not tell it. ``untaken`` is
    since when nothing has been taken, while something waits.
    """

    count: int | None = None
    oldest: datetime | None = None
    untaken: datetime | None = None

    @property
    def known(self) -> int:
        """The count; 0 if it is unknown."""
        return self.count or 0


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that is known at a moment. ``members`` has the hosts of a consumer group's members, if known."""

    kafka: Reach = Reach()
    database: Reach = Reach()
    store: Reach = Reach()
    queue: Reach = Reach()
    in_queue: WaitingWork = WaitingWork()
    uploads: WaitingWork = WaitingWork()
    bulk: WaitingWork = WaitingWork()
    parked: WaitingWork = WaitingWork()
    results: WaitingWork = WaitingWork()
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    absent: Mapping[Part, Absence] = field(default_factory=dict)
    heard: tuple[Heard, ...] = ()
    storage: PipelineStatus | None = None

    @property
    def waiting_uploads(self) -> int:
        """Uploads without an outcome, wherever they wait."""
        return sum(each.known for each in (self.in_queue, self.uploads, self.bulk, self.parked))
