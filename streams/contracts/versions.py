"""Which of two outcomes of one object stands, for subscribers that keep the newest. Pure."""

from collections import OrderedDict
from datetime import datetime
from uuid import UUID

from streams.contracts import REASONS, ImageClassified, ImageRejected

Version = tuple[str, datetime, int, int]
"""(sequencer, uploaded_at, model.rev, how far it got): the greater one stands. Compare within one ``id`` only."""


def version(event: ImageClassified | ImageRejected) -> Version:
    """What to compare, and to store beside what was made of the event: the same order as in petstream's tables."""
    got = len(REASONS) if isinstance(event, ImageClassified) else REASONS.index(event.reason)
    return event.sequencer, event.uploaded_at, event.model.rev, got


class Newest:
    """
    Lets the newest outcome of each object pass, in whatever order they come.

    It remembers as many objects as told and forgets those that came last the longest ago; of a forgotten object an
    older outcome would pass. Whoever has a table of results stores ``version`` there, and compares with that instead.
    """

    def __init__(self, remembered: int = 100_000) -> None:
        self._remembered = remembered
        self._versions: OrderedDict[UUID, Version] = OrderedDict()

    def passes(self, event: ImageClassified | ImageRejected) -> bool:
        """Whether the event is newer than all that passed of its object."""
        offered, known = version(event), self._versions.get(event.id)
        if known is not None and offered <= known:
            return False
        self._versions[event.id] = offered
        self._versions.move_to_end(event.id)
        if len(self._versions) > self._remembered:
            self._versions.popitem(last=False)
        return True
