"""Everything about one picture, from what was heard of it and from its rows. Pure."""

from typing import Final
from uuid import UUID

import msgspec

from persistence.classification_reads import Classification
from persistence.rejection_reads import Rejection
from streams import contracts
from streams.board.parked import Parked
from streams.board.pictures import Outcome, Picture, decided_at, milliseconds
from streams.contracts import ImageClassified

EVENT_CHARS: Final = 20_000
"""Of an upload event so much is shown; a message may have 2 MiB."""


class ParkedView(msgspec.Struct, frozen=True):
    """What an upload waits for on a retry topic. Moments in milliseconds since 1970."""

    reason: str
    detail: str
    attempts: int
    """Made so far."""
    first_failed: int
    due: int
    """When the next attempt begins, at the earliest."""
    topic: str


class Story(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What the page tells of one picture. Moments in milliseconds since 1970; what is unknown is left out."""

    id: UUID
    uploaded: int
    url: str | None = None
    bucket: str | None = None
    key: str | None = None
    user: str | None = None
    queued: int | None = None
    decided: int | None = None
    stored: int | None = None
    label: str | None = None
    confidence: float | None = None
    scores: dict[str, float] | None = None
    reason: str | None = None
    detail: str | None = None
    work: int | None = None
    model: str | None = None
    model_rev: int | None = None
    model_sha256: str | None = None
    version_id: str | None = None
    etag: str | None = None
    sequencer: str | None = None
    trace_id: str | None = None
    event: str | None = None
    """The outcome as it stood on its topic, as JSON."""
    upload_event: str | None = None
    """The notification as it came; bytes that are no UTF-8 are shown as U+FFFD."""
    parked: ParkedView | None = None
    replaced: bool = False
    """The tables hold something newer than was heard of."""


def heard(picture: Picture, parked: Parked | None = None) -> Story:
    """What the topics told."""
    story = Story(
        id=picture.id,
        uploaded=milliseconds(picture.uploaded_at),
        bucket=picture.bucket,
        key=picture.key,
        url=f"s3://{picture.bucket}/{picture.key}" if picture.key is not None else None,
        user=picture.user_name,
        queued=None if picture.queued_at is None else milliseconds(picture.queued_at),
        stored=None if picture.stored_at is None else milliseconds(picture.stored_at),
        version_id=picture.version_id,
        sequencer=picture.version[0] or None,
        trace_id=picture.trace_id,
    )
    if picture.outcome is not None:
        _tell(story, picture.outcome)
    if parked is not None:
        story.parked = ParkedView(
            reason=parked.reason,
            detail=parked.detail,
            attempts=parked.attempts,
            first_failed=milliseconds(parked.first_failed_at),
            due=milliseconds(parked.due),
            topic=f"{parked.topic}:{parked.partition}:{parked.offset}",
        )
    return story


def read(classification: Classification | None, rejection: Rejection | None) -> Story | None:
    """What the tables hold: the outcome that stands, by the rule of the view ``image_outcomes``."""
    if rejection is not None and (classification is None or rejection.stands):
        return Story(
            id=rejection.id,
            uploaded=milliseconds(rejection.timestamp),
            bucket=rejection.source_bucket,
            key=rejection.source_key,
            url=rejection.image_url,
            user=rejection.user_name,
            stored=milliseconds(rejection.updated_at),
            reason=rejection.reason,
            detail=rejection.detail,
            model=_model(rejection.model_name, rejection.model_version),
            model_rev=rejection.model_rev,
            version_id=rejection.source_version_id,
            etag=rejection.source_etag,
            sequencer=rejection.source_sequencer,
            trace_id=rejection.trace_id,
            upload_event=None if rejection.upload_event is None else _text(rejection.upload_event),
        )
    if classification is None:
        return None
    return Story(
        id=classification.id,
        uploaded=milliseconds(classification.timestamp),
        bucket=classification.source_bucket,
        key=classification.source_key,
        url=classification.image_url,
        user=classification.user_name,
        stored=milliseconds(classification.updated_at),
        label=classification.classification,
        confidence=float(classification.confidence),
        work=classification.processing_time,
        model=_model(classification.model_name, classification.model_version),
        model_rev=classification.model_rev,
        version_id=classification.source_version_id,
        etag=classification.source_etag,
        sequencer=classification.source_sequencer,
        trace_id=classification.trace_id,
    )


def merged(told: Story | None, stored: Story | None) -> Story | None:
    """
    One story of both. What was heard is richer: it stands, completed by the row, unless the row is newer.

    A version is told by (sequencer, uploaded, model's revision), as everywhere.
    """
    if told is None or stored is None:
        return told or stored
    if _order(stored) > _order(told):
        stored.replaced = True
        return stored
    if _order(stored) == _order(told) and (stored.label, stored.reason) == (told.label, told.reason):
        told.stored, told.trace_id = stored.stored, told.trace_id or stored.trace_id
        told.upload_event = stored.upload_event or told.upload_event
    return told


def _order(story: Story) -> tuple[str, int, int]:
    return (story.sequencer or "", story.uploaded, -1 if story.model_rev is None else story.model_rev)


def _tell(story: Story, outcome: Outcome) -> None:
    story.decided = milliseconds(decided_at(outcome))
    story.model = _model(outcome.model.name, outcome.model.version)
    story.model_rev, story.model_sha256 = outcome.model.rev, outcome.model.sha256
    story.etag = outcome.etag
    story.event = msgspec.json.format(contracts.encode(outcome), indent=2).decode()[:EVENT_CHARS]
    if isinstance(outcome, ImageClassified):
        story.label, story.confidence = outcome.classification, outcome.confidence
        story.scores = {name: getattr(outcome.scores, name) for name in ("cat", "dog", "neither")}
        story.work = outcome.processing_time_ms
    else:
        story.reason, story.detail = outcome.reason, outcome.detail
        story.upload_event = _text(outcome.upload_event)


def _model(name: str | None, version: str | None) -> str | None:
    return " ".join(part for part in (name, version) if part) or None


def _text(event: bytes) -> str:
    return event[:EVENT_CHARS].decode("utf-8", "replace")
