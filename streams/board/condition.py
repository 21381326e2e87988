"""How it is: are results being stored, is anything waiting, who is away. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from persistence.reads import OutcomeCounts
from streams.board.pictures import milliseconds
from streams.contracts import PipelineStatus

SILENT_AFTER: Final = timedelta(seconds=100)
"""Three heartbeats of the sink (STATUS_INTERVAL_SECONDS, 30 s) and some. Shorter silence means nothing."""

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


class ConditionView(msgspec.Struct, frozen=True, omit_defaults=True):
    """The condition as the page gets it; ``since`` in milliseconds since 1970, counts in messages."""

    kafka: Presence
    database: Presence
    storing: Storing
    since: int | None = None
    waiting_results: int | None = None
    waiting_uploads: int | None = None
    account: Account | None = None


@dataclass(slots=True)
class Condition:
    """What was heard last. ``waiting_…`` None: may not be known, or cannot be asked now."""

    kafka: Presence = "unknown"
    database: Presence = "unknown"
    status: PipelineStatus | None = None
    waiting_results: int | None = None
    waiting_uploads: int | None = None
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

    def view(self, now: datetime, *, unstored: int) -> ConditionView:
        """
        The condition at a moment.

        Args:
            now: the moment.
            unstored: results that were seen and not found in the tables: stands in for a lag that may not be read.
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
            account=self.account,
        )

    def _storing(self, now: datetime) -> tuple[Storing, datetime | None]:
        status = self.status
        if status is None:
            return ("silent" if self.waiting_results else "unknown"), None
        if status.state == "degraded":
            return "stopped", status.since
        if now - status.at > SILENT_AFTER and self.waiting_results:
            return "silent", status.at
        return "ok", status.since
