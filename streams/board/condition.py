"""The condition of the pipeline: the latest values that the board has found, and how the page gets them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

import msgspec

from persistence.reads import OutcomeCounts
from streams.board.absence import Absences
from streams.board.components import ComponentView, at_work, components
from streams.board.facts import Facts, Reach, WaitingWork
from streams.board.headline import Headline, headline
from streams.board.pictures import milliseconds
from streams.board.processes import Processes
from streams.contracts import PipelineStatus

NONE_PARKED: Final[Mapping[str, int]] = {}
HOSTS_MAX: Final = 10

Source = Literal["kafka", "queue", "tables"]


class ObjectCounts(msgspec.Struct, frozen=True):
    """Objects in the tables, each once: objects = cat + dog + rejected."""

    objects: int
    cat: int
    dog: int
    rejected: int
    reasons: dict[str, int]


class WaitingView(msgspec.Struct, frozen=True, omit_defaults=True):
    """Work that waits in one place; ``count`` in messages, None if unknown; times in milliseconds since 1970."""

    count: int | None = None
    oldest: int | None = None
    untaken: int | None = None
    """Since when nothing has been taken, while something waits."""


class GroupView(msgspec.Struct, frozen=True):
    """The members of a consumer group, and the hosts of the first few."""

    name: str
    members: int
    hosts: list[str]


class ModelView(msgspec.Struct, frozen=True):
    """A model in service, and by how many processes."""

    name: str
    version: str
    rev: int
    sha256: str
    processes: int


class ConditionView(msgspec.Struct, frozen=True, omit_defaults=True):
    """The condition as the page gets it."""

    headline: Headline
    components: list[ComponentView]
    waiting: dict[str, WaitingView]
    """By place: queue, uploads, bulk, results, parked."""
    groups: list[GroupView] = []
    models: list[ModelView] = []
    parked: dict[str, int] = {}
    """Uploads that wait on the retry topics, by reason."""
    parked_more: int = 0
    """Further parked uploads, whose reasons the board does not know."""
    account: ObjectCounts | None = None
    news: dict[Source, int] = {}
    """When each source of figures answered last, milliseconds since 1970, in steps of 5 s."""


@dataclass(slots=True)
class Condition:
    """The latest known values."""

    kafka: Reach = field(default_factory=Reach)
    database: Reach = field(default_factory=Reach)
    store: Reach = field(default_factory=Reach)
    queue: Reach = field(default_factory=Reach)
    in_queue: int | None = None
    uploads: WaitingWork = field(default_factory=WaitingWork)
    bulk: WaitingWork = field(default_factory=WaitingWork)
    results: WaitingWork = field(default_factory=WaitingWork)
    parked_oldest: datetime | None = None
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    absences: Absences = field(default_factory=Absences)
    processes: Processes = field(default_factory=Processes)
    storage: PipelineStatus | None = None
    account: ObjectCounts | None = None
    news: dict[Source, datetime] = field(default_factory=dict)

    def update_status(self, status: PipelineStatus, now: datetime) -> None:
        """Take a component's status, unless a newer one is known."""
        if status.component != "storage":
            self.processes.take(status, now)
        elif self.storage is None or status.at >= self.storage.at:
            self.storage = status

    def count(self, counts: OutcomeCounts, at: datetime) -> None:
        """Take the counts of the tables."""
        self.account = ObjectCounts(
            objects=counts.objects,
            cat=counts.cat,
            dog=counts.dog,
            rejected=counts.rejected,
            reasons=dict(counts.by_reason),
        )
        self.news["tables"] = at

    def facts(self, *, unstored: int, parked: int) -> Facts:
        """
        Everything that is known.

        Args:
            unstored: results that were read and are not in the tables yet: used where the sink's lag is unknown.
            parked: uploads that wait for another attempt.
        """
        absent = self.absences.now()
        untaken = absent["bridge"].since if "bridge" in absent else None
        results = self.results
        if results.count is None and self.storage is not None and self.storage.state == "degraded":
            results = WaitingWork(unstored)
        return Facts(
            kafka=self.kafka,
            database=self.database,
            store=self.store,
            queue=self.queue,
            in_queue=WaitingWork(self.in_queue, untaken=untaken if self.in_queue else None),
            uploads=self.uploads,
            bulk=self.bulk,
            parked=WaitingWork(parked, self.parked_oldest if parked else None),
            results=results,
            members=self.members,
            absent=absent,
            heard=self.processes.all(),
            storage=self.storage,
        )

    def view(
        self, now: datetime, *, unstored: int, parked: Mapping[str, int] = NONE_PARKED, parked_more: int = 0
    ) -> ConditionView:
        """
        The condition at a moment.

        Args:
            now: the moment.
            unstored: as for ``facts``.
            parked: uploads that wait for another attempt, by reason.
            parked_more: further parked uploads, whose reasons are unknown.
        """
        facts = self.facts(unstored=unstored, parked=sum(parked.values()) + parked_more)
        states = components(facts, now)
        backlogs = {
            "queue": facts.in_queue,
            "uploads": facts.uploads,
            "bulk": facts.bulk,
            "results": facts.results,
            "parked": facts.parked,
        }
        return ConditionView(
            headline=headline(facts, states, now),
            components=states,
            waiting={place: _backlog(backlog) for place, backlog in backlogs.items()},
            groups=[
                GroupView(name, len(hosts), sorted(set(hosts))[:HOSTS_MAX]) for name, hosts in facts.members.items()
            ],
            models=_models(facts, now),
            parked=dict(parked),
            parked_more=parked_more,
            account=self.account,
            news={source: milliseconds(at) // 5000 * 5000 for source, at in self.news.items()},
        )


def _backlog(backlog: WaitingWork) -> WaitingView:
    oldest, untaken = backlog.oldest, backlog.untaken
    return WaitingView(
        backlog.count,
        None if oldest is None else milliseconds(oldest),
        None if untaken is None else milliseconds(untaken),
    )


def _models(facts: Facts, now: datetime) -> list[ModelView]:
    """The models of all classifiers at work, the one of the most processes first."""
    served = [model for each in at_work("classifier", facts, now) for model in each.status.models]
    found = [
        ModelView(model.name, model.version, model.rev, model.sha256, served.count(model))
        for model in dict.fromkeys(served)
    ]
    return sorted(found, key=lambda each: -each.processes)
