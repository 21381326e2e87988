"""The condition of the pipeline: whether results are stored, what waits, which parts are absent. Pure."""

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
"""Three heartbeats of the sink (STATUS_INTERVAL_SECONDS, 30 s) and a margin. A shorter silence is normal."""

NONE_PARKED: Final[Mapping[str, int]] = {}

Presence = Literal["there", "away", "unknown", "none"]
"""``none``: not configured."""
Storing = Literal["ok", "stopped", "silent", "unknown"]
"""``stopped``: the sink reports it. ``silent``: results wait and no sink reports anything."""


class ObjectCounts(msgspec.Struct, frozen=True):
    """Objects in the tables, each once: objects = cat + dog + rejected."""

    objects: int
    cat: int
    dog: int
    rejected: int
    reasons: dict[str, int]
    at: int
    """Time of the count, milliseconds since 1970."""


class AbsenceView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part that is absent while uploads or results wait for it."""

    part: Part
    since: int
    before: bool = False
    """It was absent already when the board first looked."""


class ConditionView(msgspec.Struct, frozen=True, omit_defaults=True):
    """The condition as the page gets it; ``since`` in milliseconds since 1970, counts in messages."""

    kafka: Presence
    database: Presence
    storing: Storing
    since: int | None = None
    waiting_results: int | None = None
    waiting_uploads: int | None = None
    waiting_queue: int | None = None
    """Notifications in the bridge's queue."""
    queue_stands: bool = False
    """Nothing receives them."""
    oldest: int | None = None
    """Since when the oldest upload waits on image-uploads; absent while uploads are being consumed."""
    away: list[AbsenceView] = []
    parked: dict[str, int] = {}
    """Uploads that wait on the retry topics, by reason."""
    parked_more: int = 0
    """Further parked uploads, whose reasons the board does not know."""
    account: ObjectCounts | None = None


@dataclass(slots=True)
class Condition:
    """The latest known values. ``waiting_…`` is None where the count is forbidden or unavailable."""

    kafka: Presence = "unknown"
    database: Presence = "unknown"
    status: PipelineStatus | None = None
    waiting_results: int | None = None
    waiting_uploads: int | None = None
    waiting_queue: int | None = None
    oldest: datetime | None = None
    absences: Absences = field(default_factory=Absences)
    account: ObjectCounts | None = None

    def update_status(self, status: PipelineStatus) -> None:
        """Take the sink's status, unless a newer one is known."""
        if self.status is None or status.at >= self.status.at:
            self.status = status

    def count(self, counts: OutcomeCounts, at: datetime) -> None:
        """Take the counts of the tables."""
        self.account = ObjectCounts(
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
            unstored: results that were read and are not in the tables yet: used where the sink's lag is unknown.
            parked: uploads that wait for another attempt, by reason.
            parked_more: further parked uploads, whose reasons are unknown.
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
            queue_stands="bridge" in self.absences.now(),
            oldest=None if self.oldest is None else milliseconds(self.oldest),
            away=self._away(parked=sum(parked.values()) + parked_more),
            parked=dict(parked),
            parked_more=parked_more,
            account=self.account,
        )

    def _away(self, *, parked: int) -> list[AbsenceView]:
        """The absent parts for which work waits."""
        absences = self.absences.now()
        waits = {
            # Before the first bridge, the queue may hold the store's test event, which is no upload.
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
        absence = self.absences.now().get("sink")
        if absence is not None and self.waiting_results:
            return "silent", max(status.at, absence.since)
        if now - status.at > SILENT_AFTER and self.waiting_results:
            return "silent", status.at
        return "ok", status.since
