"""One picture on the board: what is known about it, and when it reached each stage. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from streams.board.unsure import Scores, is_unsure, scores_of
from streams.contracts import ImageClassified, ImageRejected

if TYPE_CHECKING:
    from streams.board.parked import Parked

Outcome = ImageClassified | ImageRejected
Version = tuple[str, datetime]
"""(sequencer, uploaded_at): a greater one is a later upload of the same object."""

UNKNOWN_VERSION: Final = ""
"""The sequencer of the page's own upload until its notification comes. Sorts before all others."""
DETAIL_CHARS: Final = 300
EVENT_BYTES: Final = 4096
"""How many bytes of an upload event are remembered. The table has all of it."""


@dataclass(slots=True)
class TrackedPicture:
    """
    The newest version of one object. Times are aware; None for a stage that was not reached, or is unknown.

    ``bucket`` and ``key`` are None for a message that names no object.
    """

    id: UUID
    bucket: str | None
    key: str | None
    version: Version
    revision: int = 0
    """The board's revision at its last change."""
    user_name: str | None = None
    version_id: str | None = None
    queued_at: datetime | None = None
    outcome: Outcome | None = None
    trace_id: str | None = None
    stored_at: datetime | None = None

    @property
    def uploaded_at(self) -> datetime:
        """When the store wrote it, from its notification."""
        return self.version[1]

    def takes(self, event: Outcome) -> bool:
        """
        Whether this outcome replaces the known one: it is newer, or equally new and a label where a rejection stands.

        The tables have the same rule (docs/decisions/0008). Of equal rejections, the first one stays.
        """
        known = self.outcome
        if known is None:
            return (event.sequencer, event.uploaded_at) >= self.version
        ours, theirs = (*self.version, known.model.rev), (event.sequencer, event.uploaded_at, event.model.rev)
        return theirs > ours or (
            theirs == ours and isinstance(known, ImageRejected) and isinstance(event, ImageClassified)
        )


class PictureView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A picture as sent to the page. Times in milliseconds since 1970; unknown values are omitted."""

    id: UUID
    uploaded: int
    key: str | None = None
    user: str | None = None
    queued: int | None = None
    decided: int | None = None
    stored: int | None = None
    label: str | None = None
    """cat or dog."""
    confidence: float | None = None
    reason: str | None = None
    """Why it has no label: one of ``contracts.Reason``."""
    detail: str | None = None
    unsure: Scores | None = None
    """The scores of an outcome that the model is unsure of."""
    work: int | None = None
    """Milliseconds in the classifier: fetch, decode, batch and inference."""
    parked: str | None = None
    """Why it waits for its next attempt: one of ``contracts.RetryReason``."""
    due: int | None = None
    """When the attempt begins, at the earliest."""


def view(picture: TrackedPicture, parked: "Parked | None" = None) -> PictureView:
    """A picture, and its parked upload if it has one, as the page shows them."""
    outcome = picture.outcome
    label = outcome if isinstance(outcome, ImageClassified) else None
    refusal = outcome if isinstance(outcome, ImageRejected) else None
    return PictureView(
        id=picture.id,
        uploaded=milliseconds(picture.uploaded_at),
        key=picture.key,
        user=picture.user_name,
        queued=_milliseconds(picture.queued_at),
        decided=_milliseconds(decided_at(outcome) if outcome else None),
        stored=_milliseconds(picture.stored_at),
        label=label.classification if label else None,
        confidence=label.confidence if label else None,
        reason=refusal.reason if refusal else None,
        detail=refusal.detail[:DETAIL_CHARS] if refusal else None,
        unsure=_unsure(outcome) if outcome else None,
        work=label.processing_time_ms if label else None,
        parked=parked.reason if parked else None,
        due=milliseconds(parked.due) if parked else None,
    )


def _unsure(outcome: Outcome) -> Scores | None:
    scores = scores_of(outcome)
    if isinstance(outcome, ImageClassified):
        return scores if is_unsure(outcome.classification, outcome.confidence, scores) else None
    return scores if is_unsure(outcome.reason, None, scores) else None


def decided_at(outcome: Outcome) -> datetime:
    """When the classifier decided."""
    return outcome.classified_at if isinstance(outcome, ImageClassified) else outcome.rejected_at


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970, the unit of JavaScript's Date."""
    return round(moment.timestamp() * 1000)


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else milliseconds(moment)


def slim(outcome: Outcome) -> Outcome:
    """The outcome with its upload event cut to EVENT_BYTES, which bounds the board's memory."""
    if isinstance(outcome, ImageRejected) and len(outcome.upload_event) > EVENT_BYTES:
        return msgspec.structs.replace(outcome, upload_event=outcome.upload_event[:EVENT_BYTES])
    return outcome
