"""Reads and filters letters of topic storage-dead-letters, and compares them with the stored outcomes. Pure."""

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
    A dead letter and its position. ``result`` is the event whose row was refused, None if no row can hold it;
    ``trace`` is the traceparent header.
    """

    position: Position
    letter: StorageDeadLetter
    result: Result | None
    trace: Headers

    @property
    def error(self) -> str:
        """The SQLSTATE and the constraint, as far as they are known."""
        return " ".join(part for part in (self.letter.sqlstate, self.letter.constraint) if part)


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """
    Selects letters. A field that is None selects all.

    ``error`` is an SQLSTATE, a constraint's name, or a part of the detail (case-insensitive). ``since`` is aware and
    inclusive, ``key`` is a prefix of the object's key, ``id`` is the object's id.
    """

    error: str | None = None
    since: datetime | None = None
    key: str | None = None
    id: UUID | None = None

    @property
    def selects_everything(self) -> bool:
        """Whether no field is set."""
        return (self.error, self.since, self.key, self.id) == (None,) * 4

    def takes(self, found: Letter) -> bool:
        """Whether the letter matches."""
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
    """Decode a message of the topic, as Kafka's client returns it; None if it is not a dead letter."""
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
    Whether the object's stored outcome is newer than the result, or the same; ``stored`` is keyed by object id.

    For equal versions, a label wins over a rejection, and the rejection that got further wins over the other.
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
    """Position of the reason in the order of the checks; None is a label and ranks highest."""
    return len(REASONS) if reason is None else REASONS.index(reason)
