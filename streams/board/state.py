"""
The board's state, of bounded size: events in, frames out. Pure.

A viewer is only a number here: its last revision. A slow viewer costs no memory. Its next frame has the newest state of
what changed meanwhile, and the count of what was left out.
"""

from collections import Counter, OrderedDict
from collections.abc import Collection, Mapping
from datetime import datetime
from itertools import takewhile
from typing import Final
from uuid import UUID

import msgspec

from persistence.reads import OutcomeCounts
from streams.board.absence import Part
from streams.board.condition import Condition, ConditionView, Source
from streams.board.facts import Facts, Presence, WaitingWork
from streams.board.history import History, Result
from streams.board.parked import Parked, ParkedUploads, Partition
from streams.board.pictures import (
    UNKNOWN_VERSION,
    Outcome,
    PictureView,
    TrackedPicture,
    Version,
    decided_at,
    slim,
    view,
)
from streams.board.throughput import Throughput, ThroughputView
from streams.contracts import ImageClassified, PipelineStatus
from streams.notifications.upload import ImageUploaded

SHOWN_MAX: Final = 60
"""Most pictures in one frame: as many as the page shows (static/live.js)."""


class Frame(msgspec.Struct, frozen=True, omit_defaults=True):
    """The pictures that changed since a revision, and the condition now."""

    revision: int
    now: int
    condition: ConditionView
    throughput: ThroughputView
    seen: dict[str, int]
    """Results since the board started, by label or reason."""
    pictures: list[PictureView] = []
    """In the order in which they came onto the page: the newest is the last."""
    missed: int = 0
    """How many further pictures changed."""


class Board:
    """
    The newest pictures and the condition of the pipeline.

    Args:
        recent_max: How many pictures are remembered; the one that changed longest ago is dropped first. The same
            number of parked uploads is remembered besides.
    """

    def __init__(self, recent_max: int) -> None:
        self._recent_max = recent_max
        self._pictures: OrderedDict[UUID, TrackedPicture] = OrderedDict()
        self._shown: OrderedDict[UUID, None] = OrderedDict()
        self._unstored: dict[UUID, None] = {}
        self._parked = ParkedUploads(recent_max)
        self._throughput = Throughput()
        self._seen: Counter[str] = Counter()
        self.condition = Condition()
        self.history = History()
        self.revision = 0

    # --- events

    def sent(self, upload: ImageUploaded) -> None:
        """The page uploaded an object, under a key of its own. Its notification may have come before."""
        if upload.id in self._pictures:
            return
        version = (UNKNOWN_VERSION, upload.uploaded_at)
        self._add(TrackedPicture(upload.id, upload.bucket, upload.key, version, version_id=upload.version_id))

    def queued(self, upload: ImageUploaded, at: datetime, trace_id: str | None = None) -> None:
        """The notification of an upload reached Kafka at a moment."""
        version = (upload.sequencer, upload.uploaded_at)
        known = self._pictures.get(upload.id)
        if known is not None and version < known.version:
            return
        if known is None or version > known.version:
            user = known.user_name if known else None
            known = TrackedPicture(
                upload.id, upload.bucket, upload.key, version, user_name=user, version_id=upload.version_id
            )
        if known.queued_at is None:  # delivery is at least once: the first one counts
            known.queued_at, known.trace_id = at, known.trace_id or trace_id
            self._add(known)

    def decided(self, event: Outcome, at: datetime, trace_id: str | None = None) -> None:
        """An outcome reached Kafka at a moment."""
        known = self._pictures.get(event.id)
        if known is not None and not known.takes(event):
            return
        self._observe(event, at)
        version = (event.sequencer, event.uploaded_at)
        self._parked.decided(event.id, version, decided_at(event))
        if known is None or version > known.version:
            queued_at = known.queued_at if known and known.version[0] == UNKNOWN_VERSION else None
            known = TrackedPicture(event.id, event.bucket, event.key, version, queued_at=queued_at)
        known.outcome, known.stored_at = slim(event), None
        known.user_name, known.version_id = event.user_name, event.version_id
        known.trace_id = trace_id or known.trace_id
        self._unstored[event.id] = None
        self._add(known)

    def parked(self, parked: Parked) -> None:
        """An upload was parked on a retry topic."""
        known = None if parked.id is None else self._pictures.get(parked.id)
        upload, version = parked.upload, parked.version
        if known is not None and version is not None:
            if version < known.version:
                known = upload = None  # an older version: counted, not shown
            elif version == known.version and known.outcome and decided_at(known.outcome) >= parked.parked_at:
                return  # the outcome was read first
        if not self._parked.add(parked) or upload is None or version is None:
            return
        if known is None or version > known.version:
            known = TrackedPicture(upload.id, upload.bucket, upload.key, version, version_id=upload.version_id)
        self._add(known)

    def attempted(self, offsets: Mapping[Partition, int]) -> None:
        """The classifiers committed these offsets on the retry topics."""
        for each in self._parked.attempted(offsets):
            known = None if each.id is None else self._pictures.get(each.id)
            if known is not None and known.outcome is None:
                self._add(known)

    def stored(self, id_: UUID, version: Version, model_rev: int, at: datetime) -> None:
        """The tables have an outcome of this version and model."""
        known = self._pictures.get(id_)
        if known is None or known.outcome is None or known.stored_at is not None:
            self._unstored.pop(id_, None)
        elif (*version, model_rev) >= (*known.version, known.outcome.model.rev):
            known.stored_at = at
            self._unstored.pop(id_, None)
            self._add(known)

    def update_status(self, status: PipelineStatus, now: datetime) -> None:
        """A component reported itself."""
        self.condition.update_status(status, now)

    def counted(self, counts: OutcomeCounts, at: datetime) -> None:
        """The tables were counted."""
        self.condition.count(counts, at)

    def found(
        self,
        at: datetime,
        *,
        kafka: Presence | None = None,
        database: Presence | None = None,
        store: Presence | None = None,
        queue: Presence | None = None,
    ) -> None:
        """Dependencies were reached at a moment, or not."""
        condition = self.condition
        condition.kafka = condition.kafka.found(kafka, at) if kafka else condition.kafka
        condition.database = condition.database.found(database, at) if database else condition.database
        condition.store = condition.store.found(store, at) if store else condition.store
        condition.queue = condition.queue.found(queue, at) if queue else condition.queue

    def waiting(
        self, *, uploads: WaitingWork, bulk: WaitingWork, results: WaitingWork, parked_oldest: datetime | None
    ) -> None:
        """
        What the classifiers and the sink have before them on Kafka.

        ``parked_oldest`` is the time of the oldest message on the retry topics; None: unknown.
        """
        self.condition.uploads, self.condition.bulk, self.condition.results = uploads, bulk, results
        known = [each for each in (parked_oldest, self._parked.oldest) if each is not None]
        self.condition.parked_oldest = min(known, default=None)

    def joined(self, members: Mapping[str, tuple[str, ...]]) -> None:
        """The hosts of the members of each consumer group whose members are known."""
        self.condition.members = members

    def queued_up(self, waiting: int | None) -> None:
        """The number of notifications in the bridge's queue; None: unknown."""
        self.condition.in_queue = waiting

    def heard_from(self, source: Source, at: datetime) -> None:
        """A source of figures answered."""
        self.condition.news[source] = at
        if source == "kafka":
            facts = self._facts()
            known = None not in {facts.uploads.count, facts.results.count}
            self.history.look(at, facts.waiting_uploads + facts.results.known if known else None)

    def _facts(self) -> Facts:
        parked = sum(self._parked.reasons.values()) + self._parked.forgotten
        return self.condition.facts(unstored=len(self._unstored), parked=parked)

    def look(self, part: Part, at: datetime, *, is_there: bool | None) -> None:
        """Record whether a part was present at a moment; None: unknown."""
        self.condition.absences.look(part, at, is_there=is_there)

    # --- queries

    def picture(self, id_: UUID) -> TrackedPicture | None:
        """The remembered picture of an object."""
        known = self._pictures.get(id_)
        parked = self._parked.get(id_)
        if known is None and parked is not None and parked.upload is not None and parked.version is not None:
            return TrackedPicture(id_, parked.upload.bucket, parked.upload.key, parked.version)
        return known

    def parking(self, picture: TrackedPicture) -> Parked | None:
        """The parked upload of a picture, unless a newer version of the picture is known."""
        parked = self._parked.get(picture.id)
        is_of_it = parked is not None and (parked.version is None or parked.version >= picture.version)
        return parked if is_of_it else None

    @property
    def unstored(self) -> Collection[UUID]:
        """Objects whose outcome is not in the tables yet, the oldest first."""
        return self._unstored.keys()

    def __len__(self) -> int:
        return len(self._pictures)

    def frame(self, after: int, now: datetime) -> Frame:
        """The frame for a viewer whose last revision is ``after``."""
        pictures = [self._pictures[each] for each in self._shown if self._pictures[each].revision > after]
        return Frame(
            revision=self.revision,
            now=round(now.timestamp() * 1000),
            condition=self.condition.view(
                now,
                unstored=len(self._unstored),
                parked=self._parked.reasons,
                parked_more=self._parked.forgotten,
            ),
            throughput=self._throughput.view(now),
            seen=dict(self._seen),
            pictures=[view(picture, self.parking(picture)) for picture in pictures],
            missed=self._changed(after) - len(pictures),
        )

    def _changed(self, after: int) -> int:
        """How many pictures changed since a revision."""
        newest_first = reversed(self._pictures.values())
        return sum(1 for _ in takewhile(lambda picture: picture.revision > after, newest_first))

    def _add(self, picture: TrackedPicture) -> None:
        self.revision += 1
        picture.revision = self.revision
        self._pictures[picture.id] = picture
        self._pictures.move_to_end(picture.id)
        self._shown.setdefault(picture.id)  # its place, as long as it is shown: a page that is loaded anew has it, too
        if len(self._shown) > SHOWN_MAX:
            self._shown.popitem(last=False)
        while len(self._pictures) > self._recent_max:
            gone, _ = self._pictures.popitem(last=False)
            self._shown.pop(gone, None)
            self._unstored.pop(gone, None)

    def _observe(self, event: Outcome, at: datetime) -> None:
        label = event if isinstance(event, ImageClassified) else None
        self._seen[label.classification if label else getattr(event, "reason", "")] += 1
        work = label.processing_time_ms if label else None
        self.history.observe(Result.of(event, at))
        self._throughput.observe(at, uploaded_at=event.uploaded_at, decided_at=decided_at(event), work=work)
