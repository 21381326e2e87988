"""Step 4 of 7, its results: builds the event that states the outcome of an upload. Pure."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from inference.prediction import Prediction
from inference.prediction import Scores as Predicted
from streams.contracts import ImageClassified, ImageRejected, Model, Reason, Scores
from streams.contracts.identity import NO_SEQUENCER, message_id
from streams.notifications.upload import ImageUploaded, Malformed
from streams.runtime.excerpts import HINT_CHARS, KEPT_BYTES, TEXT_CHARS, UPLOAD_EVENT_MAX_BYTES, excerpt

Outcome = ImageClassified | ImageRejected


@dataclass(slots=True)
class Known:
    """What an attempt found out before it ended. A rejection states it, too."""

    owner: str | None = None
    etag: str | None = None
    scores: Predicted | None = None
    """Of a picture that the model judged to be ``not_a_pet``."""


def classified(
    upload: ImageUploaded,
    prediction: Prediction,
    user_name: str,
    etag: str | None,
    *,
    milliseconds: int,
    at: datetime,
    model: Model,
) -> ImageClassified:
    """
    The event of a picture that got a label.

    Raises:
        ValueError: if the prediction is ``neither``: such a picture is rejected as ``not_a_pet``.
    """
    if prediction.label == "neither":
        raise ValueError("a picture of neither cat nor dog has no classification")
    return ImageClassified(
        id=upload.id,
        user_name=user_name,
        image_url=upload.url,
        bucket=upload.bucket,
        key=upload.key,
        version_id=upload.version_id,
        etag=_hint(etag or upload.etag),
        sequencer=upload.sequencer,
        classification=prediction.label,
        confidence=prediction.confidence,
        scores=_published(prediction.scores),
        processing_time_ms=milliseconds,
        uploaded_at=upload.uploaded_at,
        classified_at=at,
        model=model,
    )


def rejected(
    upload: ImageUploaded,
    reason: Reason,
    detail: str,
    *,
    user_name: str | None,
    etag: str | None = None,
    scores: Predicted | None = None,
    at: datetime,
    model: Model,
    message: bytes,
) -> ImageRejected:
    """
    The event of a picture that got no label; ``message`` is the notification as received.

    The event always fits its topic: texts are cut, and a message that is too large is cut to its beginning
    (excerpts.py).
    """
    kept = excerpt(message, UPLOAD_EVENT_MAX_BYTES)
    return ImageRejected(
        id=upload.id,
        user_name=user_name,
        image_url=upload.url,
        bucket=upload.bucket,
        key=upload.key,
        version_id=upload.version_id,
        etag=_hint(etag or upload.etag),
        sequencer=upload.sequencer,
        reason=reason,
        detail=detail[:TEXT_CHARS] + kept.mark,
        uploaded_at=upload.uploaded_at,
        rejected_at=at,
        model=model,
        upload_event=kept.data,
        upload_event_truncated=kept.is_cut,
        upload_event_sha256=kept.sha256,
        scores=None if scores is None else _published(scores),
    )


def cut(rejection: ImageRejected) -> ImageRejected:
    """A rejection with less of its upload event, for a topic whose size limit is too low (``check`` reports that)."""
    kept = excerpt(rejection.upload_event, KEPT_BYTES)
    if rejection.upload_event_truncated or not kept.is_cut:
        return rejection
    return msgspec.structs.replace(
        rejection,
        detail=rejection.detail + kept.mark,
        upload_event=kept.data,
        upload_event_truncated=True,
        upload_event_sha256=kept.sha256,
    )


def malformed(record: Malformed, *, received: datetime, at: datetime, model: Model, message: bytes) -> ImageRejected:
    """The event of a message, or a record of it, that names no object; ``received`` replaces the time of the upload."""
    kept = excerpt(message, UPLOAD_EVENT_MAX_BYTES)
    return ImageRejected(
        id=message_id(record.record),
        user_name=None,
        image_url=None,
        bucket=None,
        key=None,
        version_id=None,
        etag=None,
        sequencer=NO_SEQUENCER,
        reason="malformed_event",
        detail=record.detail[:TEXT_CHARS] + kept.mark,
        uploaded_at=received,
        rejected_at=at,
        model=model,
        upload_event=kept.data,
        upload_event_truncated=kept.is_cut,
        upload_event_sha256=kept.sha256,
    )


def _hint(etag: str | None) -> str | None:
    """The etag; None if it is longer than any store's."""
    return None if etag is not None and len(etag) > HINT_CHARS else etag


def _published(scores: Predicted) -> Scores:
    return Scores(cat=scores.cat, dog=scores.dog, neither=scores.neither)
