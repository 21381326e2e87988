"""
Topic storage-dead-letters, read by those who act on it: which letters are wanted, and what has become of their objects.
Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from persistence.reads import Outcome
from streams import contracts
from streams.contracts import REASONS, ImageClassified, ImageRejected, StorageDeadLetter
from streams.contracts.cloudevents import Headers
from streams.contracts.identity import right_padded
from streams.contracts.traceparent import TRACEPARENT
from streams.kafka.scan import Position
from streams.replay.messages import NotReplayable, result_of

_letter = msgspec.json.Decoder(StorageDeadLetter)

Result = ImageClassified | ImageRejected


@dataclass(frozen=True, slots=True)
class Letter:
    """
    A dead letter where it lies. ``result`` is the event whose row was refused, None where no row could ever hold it;
    ``trace`` is the traceparent header.
    """

    position: Position
    letter: StorageDeadLetter
    result: Result | None
    trace: Headers

    @property
    def error(self) -> str:
        """Why the row was refused, in a word or two: the SQLSTATE and the constraint, where there are such."""
        return " ".join(part for part in (self.letter.sqlstate, self.letter.constraint) if part)


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """
    Which letters. None means: all.

    ``error`` is an SQLSTATE, a constraint's name, or a part of the detail in any case; ``since`` is aware, included;
    ``key`` is what the object's key begins with; ``id`` is the object's.
    """

    error: str | None = None
    since: datetime | None = None
    key: str | None = None
    id: UUID | None = None

    @property
    def selects_everything(self) -> bool:
        """Whether nothing narrows it down."""
        return (self.error, self.since, self.key, self.id) == (None,) * 4

    def takes(self, found: Letter) -> bool:
        """Whether the letter is wanted."""
        letter = found.letter
        return (
            (self.error is None or self._names_error(letter, self.error))
            and (self.since is None or letter.failed_at >= self.since)
            and (self.key is None or (found.result is not None and (found.result.key or "").startswith(self.key)))
            and (self.id is None or letter.id == self.id)
        )

    @staticmethod
    def _names_error(letter: StorageDeadLetter, error: str) -> bool:
        return error in (letter.sqlstate, letter.constraint) or error.casefold() in letter.detail.casefold()


def read(message: object) -> Letter | None:
    """The letter that a message of the topic holds, as Kafka's client gives it; None if it holds none."""
    try:
        letter = contracts.read(_letter, message.value or b"")  # type: ignore[attr-defined]  # the client has no types
    except msgspec.DecodeError:
        return None
    try:
        result: Result | None = result_of(letter)
    except NotReplayable:
        result = None
    trace = [(name, value) for name, value in message.headers if name == TRACEPARENT and value is not None]  # type: ignore[attr-defined]
    return Letter(Position(message.partition, message.offset), letter, result, trace)  # type: ignore[attr-defined]


def is_overtaken(result: Result, stored: Mapping[UUID, Outcome]) -> bool:
    """
    Whether its object has a newer outcome than the result, or this one; ``stored`` has the outcomes by object.

    Of equal versions a label stands over a rejection, and of two rejections the one that got further.
    """
    outcome = stored.get(result.id)
    if outcome is None:
        return False
    newest = (right_padded(outcome.source_sequencer), outcome.timestamp, outcome.model_rev)
    own = (result.sequencer, result.uploaded_at, result.model.rev)
    if newest != own:
        return newest > own
    return _rank(outcome.reason) >= _rank(result.reason if isinstance(result, ImageRejected) else None)


def _rank(reason: str | None) -> int:
    """How far it got; None is a label."""
    return len(REASONS) if reason is None else REASONS.index(reason)
