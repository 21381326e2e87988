"""How it is: are results being stored, is anything waiting, who is away. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from persistence.reads import OutcomeCounts
from streams.board.absence import Absences, Part
from streams.board.pictures import milliseconds
from streams.contracts import PipelineStatus

SILENT_AFTER: Final = timedelta(seconds=100)
"""Three heartbeats of the sink (STATUS_INTERVAL_SECONDS, 30 s) and some. Shorter silence means nothing."""

NONE_PARKED: Final[Mapping[str, int]] = {}

Presence = Literal["there", "away", "unknown", "none"]
"""``none``: not named in the settings, so not asked."""
Storing = Literal["ok", "stopped", "silent", "unknown"]
"""``stopped``: the sink says so. ``silent``: results wait and no sink says anything."""


class Account(msgspec.Struct, frozen=True):
    """Objects in the tables, each once: objects = cat + dog + rejected."""

    objects: int
    cat: int
    dog: int
    rejected: int
    reasons: dict[str, int]
    at: int
    """When they were counted, milliseconds since 1970."""


class AbsenceView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part that works for nobody while uploads or results wait for it."""

    part: Part
    since: int
    before: bool = False
    """It was so already when the board first looked."""


class ConditionView(msgspec.Struct, frozen=True, omit_defaults=True):
    """The condition as the page gets it; ``since`` in milliseconds since 1970, counts in messages."""

    kafka: Presence
    database: Presence
    storing: Storing
    since: int | None = None
    waiting_results: int | None = None
    waiting_uploads: int | None = None
    waiting_queue: int | None = None
    """Notifications in the queue that the bridge reads."""
    queue_stands: bool = False
    """Nobody takes them."""
    oldest: int | None = None
    """Since when the oldest upload waits on image-uploads; absent while they are being worked on."""
    away: list[AbsenceView] = []
    parked: dict[str, int] = {}
    """Uploads that wait on the retry topics, by reason."""
    parked_more: int = 0
    """More of them, whose reasons the board does not know."""
    account: Account | None = None


@dataclass(slots=True)
class Condition:
    """What was heard last. ``waiting_…`` None: may not be known, or cannot be asked now."""

    kafka: Presence = "unknown"
    database: Presence = "unknown"
    status: PipelineStatus | None = None
    waiting_results: int | None = None
    waiting_uploads: int | None = None
    waiting_queue: int | None = None
    oldest: datetime | None = None
    absences: Absences = field(default_factory=Absences)
    account: Account | None = None

    def hear(self, status: PipelineStatus) -> None:
        """The sink tells of itself; what it said before an earlier word is old."""
        if self.status is None or status.at >= self.status.at:
            self.status = status

    def count(self, counts: OutcomeCounts, at: datetime) -> None:
        """The tables were counted."""
        self.account = Account(
            objects=counts.objects,
            cat=counts.cat,
            dog=counts.dog,
            rejected=counts.rejected,
            reasons=dict(counts.by_reason),
            at=milliseconds(at),
        )

    def view(
        self, now: datetime, *, unstored: int, parked: Mapping[str, int] = NONE_PARKED, parked_more: int = 0
    ) -> ConditionView:
        """
        The condition at a moment.

        Args:
            now: the moment.
            unstored: results that were seen and not found in the tables: stands in for a lag that may not be read.
            parked: uploads that wait for another attempt, by reason.
            parked_more: others of them.
        """
        storing, since = self._storing(now)
        waiting = self.waiting_results
        if waiting is None and storing == "stopped":
            waiting = unstored
        return ConditionView(
            kafka=self.kafka,
            database=self.database,
            storing=storing,
            since=None if since is None else milliseconds(since),
            waiting_results=waiting,
            waiting_uploads=self.waiting_uploads,
            waiting_queue=self.waiting_queue,
            queue_stands="bridge" in self.absences.at(now),
            oldest=None if self.oldest is None else milliseconds(self.oldest),
            away=self._away(now, parked=sum(parked.values()) + parked_more),
            parked=dict(parked),
            parked_more=parked_more,
            account=self.account,
        )

    def _away(self, now: datetime, *, parked: int) -> list[AbsenceView]:
        """Who is away and missed. With nothing to do, a part may rest."""
        absences = self.absences.at(now)
        waits = {
            # A queue that no bridge was ever seen at may hold the store's test event, which is no upload.
            "bridge": max(0, (self.waiting_queue or 0) - ("bridge" in absences and absences["bridge"].is_since_before)),
            "classifier": (self.waiting_uploads or 0) + parked,
            "sink": self.waiting_results or 0,
        }
        return [
            AbsenceView(part, milliseconds(absence.since), absence.is_since_before)
            for part, absence in absences.items()
            if waits[part]
        ]

    def _storing(self, now: datetime) -> tuple[Storing, datetime | None]:
        status = self.status
        if status is None:
            return ("silent" if self.waiting_results else "unknown"), None
        if status.state == "degraded":
            return "stopped", status.since
        absence = self.absences.at(now).get("sink")
        if absence is not None and self.waiting_results:
            return "silent", max(status.at, absence.since)
        if now - status.at > SILENT_AFTER and self.waiting_results:
            return "silent", status.at
        return "ok", status.since
