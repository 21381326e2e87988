"""The uploads on the retry topics that the board remembers: a bounded number, the oldest dropped first. Pure."""

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from streams.board.pictures import Version
from streams.contracts import RetryReason
from streams.notifications.upload import ImageUploaded
from streams.retry.waiting import Waiting

Partition = tuple[str, int]
"""A retry topic's name without prefix, and a partition number."""


@dataclass(frozen=True, slots=True)
class Parked:
    """
    One upload that waits for its next attempt. The attempt begins at ``due`` or later.

    ``upload`` is None where the message names no object, or an object other than its key's. ``detail`` has at most 500
    characters (streams/retry/attempt.py).
    """

    topic: str
    partition: int
    offset: int
    id: UUID | None
    upload: ImageUploaded | None
    reason: RetryReason
    detail: str
    attempts: int
    first_failed_at: datetime
    parked_at: datetime
    due: datetime

    @classmethod
    def of(cls, found: Waiting, upload: ImageUploaded | None, parked_at: datetime) -> "Parked":
        """The remembered part of a message: no headers and no notification."""
        made = found.attempt
        return cls(
            topic=found.topic,
            partition=found.position.partition,
            offset=found.position.offset,
            id=found.id,
            upload=upload,
            reason=made.reason,
            detail=made.detail,
            attempts=made.number,
            first_failed_at=made.first_failed_at,
            parked_at=parked_at,
            due=found.due,
        )

    @property
    def version(self) -> Version | None:
        """The upload's version; None if it is unknown."""
        return None if self.upload is None else (self.upload.sequencer, self.upload.uploaded_at)


class ParkedUploads:
    """
    The uploads that are parked now. An upload that is parked again counts once.

    Args:
        remembered_max: How many uploads are remembered. Further ones are only counted.
    """

    def __init__(self, remembered_max: int) -> None:
        self._remembered_max = remembered_max
        self._parked: OrderedDict[tuple[str, int, int], Parked] = OrderedDict()
        self._by_id: dict[UUID, Parked] = {}
        self._reasons: Counter[str] = Counter()
        self._remembered_from: dict[Partition, int] = {}
        self._attempted: dict[Partition, int] = {}

    def __len__(self) -> int:
        return len(self._parked)

    def get(self, id_: UUID) -> Parked | None:
        """The parked upload of an object."""
        return self._by_id.get(id_)

    @property
    def reasons(self) -> dict[str, int]:
        """The number of remembered uploads, by reason."""
        return dict(self._reasons)

    @property
    def oldest(self) -> datetime | None:
        """When the remembered upload that has waited longest failed first."""
        return min((each.first_failed_at for each in self._parked.values()), default=None)

    @property
    def forgotten(self) -> int:
        """The number of waiting uploads that are not remembered: parked before the board began to read, or dropped."""
        return sum(
            max(0, self._remembered_from[at] - offset)
            for at, offset in self._attempted.items()
            if at in self._remembered_from
        )

    def add(self, parked: Parked) -> bool:
        """Add an upload that was read. False if it no longer waits, or was read before."""
        at, place = (parked.topic, parked.partition), _place(parked)
        self._remembered_from.setdefault(at, parked.offset)
        if parked.offset < self._attempted.get(at, 0) or place in self._parked:
            return False
        known = self._by_id.get(parked.id) if parked.id else None
        if known is not None:
            if known.parked_at > parked.parked_at:
                return False
            self._remove(known)
        self._parked[place] = parked
        self._reasons[parked.reason] += 1
        if parked.id is not None:
            self._by_id[parked.id] = parked
        while len(self._parked) > self._remembered_max:
            oldest = next(iter(self._parked.values()))
            self._remove(oldest)
            self._remembered_from[oldest.topic, oldest.partition] = oldest.offset + 1
        return True

    def decided(self, id_: UUID, version: Version, at: datetime) -> None:
        """Remove an object that was decided at a moment, unless a later upload of it waits."""
        known = self._by_id.get(id_)
        if known is not None and known.parked_at <= at and (known.version is None or known.version <= version):
            self._remove(known)

    def attempted(self, offsets: Mapping[Partition, int]) -> list[Parked]:
        """Remove and return the uploads before these offsets, the ones that the classifiers committed."""
        if offsets == self._attempted:
            return []
        self._attempted = dict(offsets)
        done = [each for each in self._parked.values() if each.offset < offsets.get((each.topic, each.partition), 0)]
        for each in done:
            self._remove(each)
        return done

    def _remove(self, parked: Parked) -> None:
        del self._parked[_place(parked)]
        self._reasons -= Counter({parked.reason: 1})
        if parked.id is not None and self._by_id.get(parked.id) is parked:
            del self._by_id[parked.id]


def _place(parked: Parked) -> tuple[str, int, int]:
    return parked.topic, parked.partition, parked.offset
