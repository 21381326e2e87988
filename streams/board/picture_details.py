"""Everything known about one picture, from the topics and from its rows. Pure."""

from typing import Final
from uuid import UUID

import msgspec

from persistence.classification_reads import Classification
from persistence.rejection_reads import Rejection
from streams import contracts
from streams.board.parked import Parked
from streams.board.pictures import Outcome, TrackedPicture, decided_at, milliseconds
from streams.board.unsure import Scores, is_unsure, scores_in, scores_of
from streams.contracts import ImageClassified

EVENT_CHARS: Final = 20_000
"""How much of an upload event is shown. A message may have 2 MiB."""


class ParkedView(msgspec.Struct, frozen=True):
    """A parked upload. Times in milliseconds since 1970."""

    reason: str
    detail: str
    attempts: int
    """Attempts so far."""
    first_failed: int
    due: int
    """When the next attempt begins, at the earliest."""
    topic: str


class PictureDetails(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A picture as the page shows it. Times in milliseconds since 1970; unknown values are omitted."""

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
    scores: Scores | None = None
    unsure: bool = False
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
    """The notification as received; bytes that are not UTF-8 appear as U+FFFD."""
    parked: ParkedView | None = None
    replaced: bool = False
    """The tables have a newer outcome than the topics brought."""


def of_picture(picture: TrackedPicture, parked: Parked | None = None) -> PictureDetails:
    """The details that the topics brought."""
    details = PictureDetails(
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
        _add_outcome(details, picture.outcome)
    if parked is not None:
        details.parked = ParkedView(
            reason=parked.reason,
            detail=parked.detail,
            attempts=parked.attempts,
            first_failed=milliseconds(parked.first_failed_at),
            due=milliseconds(parked.due),
            topic=f"{parked.topic}:{parked.partition}:{parked.offset}",
        )
    return details


def of_rows(classification: Classification | None, rejection: Rejection | None) -> PictureDetails | None:
    """The newest outcome in the tables, by the rule of the view ``image_outcomes``; None if there is none."""
    if rejection is not None and (classification is None or rejection.stands):
        scores = scores_in(rejection.detail) if rejection.reason == "not_a_pet" else None
        return PictureDetails(
            id=rejection.id,
            uploaded=milliseconds(rejection.timestamp),
            bucket=rejection.source_bucket,
            key=rejection.source_key,
            url=rejection.image_url,
            user=rejection.user_name,
            stored=milliseconds(rejection.updated_at),
            reason=rejection.reason,
            detail=rejection.detail,
            scores=scores,
            unsure=is_unsure(rejection.reason, None, scores),
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
    return PictureDetails(
        id=classification.id,
        uploaded=milliseconds(classification.timestamp),
        bucket=classification.source_bucket,
        key=classification.source_key,
        url=classification.image_url,
        user=classification.user_name,
        stored=milliseconds(classification.updated_at),
        label=classification.classification,
        confidence=float(classification.confidence),
        unsure=is_unsure(classification.classification, float(classification.confidence), None),
        work=classification.processing_time,
        model=_model(classification.model_name, classification.model_version),
        model_rev=classification.model_rev,
        version_id=classification.source_version_id,
        etag=classification.source_etag,
        sequencer=classification.source_sequencer,
        trace_id=classification.trace_id,
    )


def merged(live: PictureDetails | None, stored: PictureDetails | None) -> PictureDetails | None:
    """
    The details from the topics, completed by those from the tables; or the tables' alone, where they are newer.

    Versions are ordered by (sequencer, uploaded, model's revision).
    """
    if live is None or stored is None:
        return live or stored
    if _order(stored) > _order(live):
        stored.replaced = True
        return stored
    if _order(stored) == _order(live) and (stored.label, stored.reason) == (live.label, live.reason):
        live.stored, live.trace_id = stored.stored, live.trace_id or stored.trace_id
        live.upload_event = stored.upload_event or live.upload_event
    return live


def _order(details: PictureDetails) -> tuple[str, int, int]:
    return (details.sequencer or "", details.uploaded, -1 if details.model_rev is None else details.model_rev)


def _add_outcome(details: PictureDetails, outcome: Outcome) -> None:
    details.decided = milliseconds(decided_at(outcome))
    details.model = _model(outcome.model.name, outcome.model.version)
    details.model_rev, details.model_sha256 = outcome.model.rev, outcome.model.sha256
    details.etag = outcome.etag
    details.event = msgspec.json.format(contracts.encode(outcome), indent=2).decode()[:EVENT_CHARS]
    details.scores = scores_of(outcome)
    if isinstance(outcome, ImageClassified):
        details.label, details.confidence = outcome.classification, outcome.confidence
        details.work = outcome.processing_time_ms
    else:
        details.reason, details.detail = outcome.reason, outcome.detail
        details.upload_event = _text(outcome.upload_event)
    details.unsure = is_unsure(details.label or details.reason or "", details.confidence, details.scores)


def _model(name: str | None, version: str | None) -> str | None:
    return " ".join(part for part in (name, version) if part) or None


def _text(event: bytes) -> str:
    return event[:EVENT_CHARS].decode("utf-8", "replace")
