"""The order of two outcomes of one object, for subscribers that keep the newest. Pure."""

from collections import OrderedDict
from datetime import datetime
from uuid import UUID

from streams.contracts import REASONS, ImageClassified, ImageRejected

Version = tuple[str, datetime, int, int]
"""(sequencer, uploaded_at, model.rev, rank of the outcome): the greater one wins. Compare within one ``id`` only."""


def version(event: ImageClassified | ImageRejected) -> Version:
    """The version to compare, and to store with derived data. The order is that of petstream's tables."""
    rank = len(REASONS) if isinstance(event, ImageClassified) else REASONS.index(event.reason)
    return event.sequencer, event.uploaded_at, event.model.rev, rank


class Newest:
    """
    Accepts only the newest outcome of each object, in any order of arrival.

    It keeps the versions of ``remembered`` objects and evicts the least recently accepted. After an eviction, an older
    outcome of that object would be accepted. With a table of results, store ``version`` there and compare with it.
    """

    def __init__(self, remembered: int = 100_000) -> None:
        self._remembered = remembered
        self._versions: OrderedDict[UUID, Version] = OrderedDict()

    def passes(self, event: ImageClassified | ImageRejected) -> bool:
        """Whether the event is newer than all accepted events of its object."""
        offered, known = version(event), self._versions.get(event.id)
        if known is not None and offered <= known:
            return False
        self._versions[event.id] = offered
        self._versions.move_to_end(event.id)
        if len(self._versions) > self._remembered:
            self._versions.popitem(last=False)
        return True
