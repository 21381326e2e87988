"""
What the board knows, bounded: events in, frames out. Pure.

A viewer is nothing but a number, the revision up to which it was told. Whoever reads slowly, or not at all, costs no
memory: the next frame has the newest state of what changed meanwhile, and the count of what was left out.
"""

from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from persistence.reads import OutcomeCounts
from streams.board.absence import Part
from streams.board.condition import Condition, ConditionView, Presence
from streams.board.parked import Parked, Partition, Waitings
from streams.board.pictures import UNKNOWN_VERSION, Outcome, Picture, PictureView, Version, decided_at, slim, view
from streams.board.tempo import Tempo, TempoView
from streams.contracts import ImageClassified, PipelineStatus
from streams.notifications.upload import ImageUploaded

FRAME_PICTURES: Final = 60
"""Pictures in one frame, at most: about as many as a page shows."""


class Frame(msgspec.Struct, frozen=True, omit_defaults=True):
    """What changed since a revision, the oldest change first, and how it is now."""

    revision: int
    now: int
    condition: ConditionView
    tempo: TempoView
    seen: dict[str, int]
    """Results since the board started, by label or reason."""
    pictures: list[PictureView] = []
    missed: int = 0
    """More pictures that changed, and are too many for a frame."""


class Board:
    """
    The newest pictures and the condition of the pipeline.

    Args:
        recent_max: Pictures that are remembered; the one that changed longest ago goes first. As many uploads that
            wait for another attempt are remembered besides.
    """

    def __init__(self, recent_max: int) -> None:
        self._recent_max = recent_max
        self._pictures: OrderedDict[UUID, Picture] = OrderedDict()
        self._unstored: dict[UUID, None] = {}
        self._parked = Waitings(recent_max)
        self._tempo = Tempo()
        self._seen: Counter[str] = Counter()
        self.condition = Condition()
        self.revision = 0

    # --- what comes in

    def sent(self, upload: ImageUploaded) -> None:
        """The page put an object into the store; its notification will follow."""
        version = (UNKNOWN_VERSION, upload.uploaded_at)
        self._add(Picture(upload.id, upload.bucket, upload.key, version, version_id=upload.version_id))

    def queued(self, upload: ImageUploaded, at: datetime, trace_id: str | None = None) -> None:
        """Kafka has the notification of an upload since a moment."""
        version = (upload.sequencer, upload.uploaded_at)
        known = self._pictures.get(upload.id)
        if known is not None and version < known.version:
            return
        if known is None or version > known.version:
            user = known.user_name if known else None
            known = Picture(upload.id, upload.bucket, upload.key, version, user_name=user, version_id=upload.version_id)
        if known.queued_at is None:  # delivery is at least once: the first one is when it came
            known.queued_at, known.trace_id = at, known.trace_id or trace_id
            self._add(known)

    def decided(self, event: Outcome, at: datetime, trace_id: str | None = None) -> None:
        """Kafka has an outcome since a moment."""
        known = self._pictures.get(event.id)
        if known is not None and not known.takes(event):
            return
        self._observe(event, at)
        version = (event.sequencer, event.uploaded_at)
        self._parked.decided(event.id, version, decided_at(event))
        if known is None or version > known.version:
            queued_at = known.queued_at if known and known.version[0] == UNKNOWN_VERSION else None
            known = Picture(event.id, event.bucket, event.key, version, queued_at=queued_at)
        known.outcome, known.stored_at = slim(event), None
        known.user_name, known.version_id = event.user_name, event.version_id
        known.trace_id = trace_id or known.trace_id
        self._unstored[event.id] = None
        self._add(known)

    def parked(self, parked: Parked) -> None:
        """An upload waits for another attempt."""
        known = None if parked.id is None else self._pictures.get(parked.id)
        upload, version = parked.upload, parked.version
        if known is not None and version is not None:
            if version < known.version:
                known = upload = None  # of a version that was replaced: counted, and not shown
            elif version == known.version and known.outcome and decided_at(known.outcome) >= parked.parked_at:
                return  # the outcome was read first
        if not self._parked.add(parked) or upload is None or version is None:
            return
        if known is None or version > known.version:
            known = Picture(upload.id, upload.bucket, upload.key, version, version_id=upload.version_id)
        self._add(known)

    def attempted(self, offsets: Mapping[Partition, int]) -> None:
        """The classifiers are done with everything on the retry topics before these offsets."""
        for each in self._parked.attempted(offsets):
            known = None if each.id is None else self._pictures.get(each.id)
            if known is not None and known.outcome is None:
                self._add(known)

    def stored(self, id_: UUID, version: Version, model_rev: int, at: datetime) -> None:
        """The tables hold an outcome of this version and model."""
        known = self._pictures.get(id_)
        if known is None or known.outcome is None or known.stored_at is not None:
            self._unstored.pop(id_, None)
        elif (*version, model_rev) >= (*known.version, known.outcome.model.rev):
            known.stored_at = at
            self._unstored.pop(id_, None)
            self._add(known)

    def hear(self, status: PipelineStatus) -> None:
        """The sink tells whether results are being stored."""
        self.condition.hear(status)

    def counted(self, counts: OutcomeCounts, at: datetime) -> None:
        """The tables were counted."""
        self.condition.count(counts, at)

    def found(self, *, kafka: Presence | None = None, database: Presence | None = None) -> None:
        """Somebody is there, or away."""
        self.condition.kafka = kafka or self.condition.kafka
        self.condition.database = database or self.condition.database

    def waiting(self, *, results: int | None, uploads: int | None, oldest: datetime | None = None) -> None:
        """
        Messages that the sink and the classifiers have not finished; None: unknown.

        ``oldest`` is since when the oldest upload waits, if uploads stand.
        """
        self.condition.waiting_results, self.condition.waiting_uploads = results, uploads
        self.condition.oldest = oldest

    def queue(self, waiting: int | None) -> None:
        """Notifications in the queue that the bridge reads; None: unknown."""
        self.condition.waiting_queue = waiting

    def look(self, part: Part, at: datetime, *, is_there: bool | None) -> None:
        """Whether a part was there at a moment; None: that is not known."""
        self.condition.absences.look(part, at, is_there=is_there)

    # --- what is asked

    def picture(self, id_: UUID) -> Picture | None:
        """What is remembered of an object."""
        known = self._pictures.get(id_)
        parked = self._parked.get(id_)
        if known is None and parked is not None and parked.upload is not None and parked.version is not None:
            return Picture(id_, parked.upload.bucket, parked.upload.key, parked.version)
        return known

    def parking(self, picture: Picture) -> Parked | None:
        """What a picture waits for on a retry topic."""
        parked = self._parked.get(picture.id)
        is_of_it = parked is not None and (parked.version is None or parked.version >= picture.version)
        return parked if is_of_it else None

    @property
    def unstored(self) -> Collection[UUID]:
        """Objects whose outcome was not found in the tables yet, the oldest first."""
        return self._unstored.keys()

    def __len__(self) -> int:
        return len(self._pictures)

    def frame(self, after: int, now: datetime, limit: int = FRAME_PICTURES) -> Frame:
        """What is new to whoever was told everything up to ``after``."""
        changed = list(self._changed(after))
        return Frame(
            revision=self.revision,
            now=round(now.timestamp() * 1000),
            condition=self.condition.view(
                now,
                unstored=len(self._unstored),
                parked=self._parked.reasons,
                parked_more=self._parked.forgotten,
            ),
            tempo=self._tempo.view(now),
            seen=dict(self._seen),
            pictures=[view(picture, self.parking(picture)) for picture in reversed(changed[:limit])],
            missed=max(0, len(changed) - limit),
        )

    def _changed(self, after: int) -> Iterable[Picture]:
        """The newest change first."""
        for picture in reversed(self._pictures.values()):
            if picture.revision <= after:
                return
            yield picture

    def _add(self, picture: Picture) -> None:
        self.revision += 1
        picture.revision = self.revision
        self._pictures[picture.id] = picture
        self._pictures.move_to_end(picture.id)
        while len(self._pictures) > self._recent_max:
            gone, _ = self._pictures.popitem(last=False)
            self._unstored.pop(gone, None)

    def _observe(self, event: Outcome, at: datetime) -> None:
        label = event if isinstance(event, ImageClassified) else None
        self._seen[label.classification if label else getattr(event, "reason", "")] += 1
        work = label.processing_time_ms if label else None
        self._tempo.observe(at, uploaded_at=event.uploaded_at, decided_at=decided_at(event), work=work)
