"""Uploads and outcomes as the board hears of them, of one bucket."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from streams.contracts import ImageClassified, ImageRejected, Model, PipelineStatus, Reason, Scores
from streams.contracts.identity import image_id, image_url, pad_sequencer
from streams.notifications.upload import ImageUploaded

BUCKET = "pictures"
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


REJECTION_ROW: dict[str, Any] = {
    "id": UUID(int=2),
    "user_name": "ann",
    "image_url": "s3://pictures/uploads/ann/toy.jpg",
    "reason": "not_a_pet",
    "detail": "not sure enough for a label: cat 0.4800, neither 0.4100, dog 0.1100" + "." * 5_000,
    "timestamp": NOON,
    "source_bucket": "pictures",
    "source_key": "uploads/ann/toy.jpg",
    "source_version_id": None,
    "source_etag": None,
    "source_sequencer": "0" * 64,
    "model_name": None,
    "model_version": None,
    "model_rev": 0,
    "updated_at": NOON,
    "stands": True,
    "upload_event": None,
    "trace_id": None,
}
"""A row of a picture that the model was unsure of, with a long detail, as it is read."""


def after(milliseconds: float) -> datetime:
    """A moment after noon."""
    return NOON + timedelta(milliseconds=milliseconds)


def upload(key: str = "uploads/ann/cat.jpg", *, version: int = 1, bucket: str = BUCKET) -> ImageUploaded:
    return ImageUploaded(bucket, key, NOON, pad_sequencer(f"{version:X}"), version_id=f"v{version}")


def classified(
    key: str = "uploads/ann/cat.jpg",
    *,
    version: int = 1,
    user: str = "ann",
    rev: int = 1,
    bucket: str = BUCKET,
    took_ms: float = 250,
    uploaded_at: datetime = NOON,
) -> ImageClassified:
    return ImageClassified(
        id=image_id(bucket, key),
        user_name=user,
        image_url=image_url(bucket, key),
        bucket=bucket,
        key=key,
        version_id=f"v{version}",
        etag="e",
        sequencer=pad_sequencer(f"{version:X}"),
        classification="cat",
        confidence=0.9876,
        scores=Scores(cat=0.9876, dog=0.01, neither=0.0024),
        processing_time_ms=120,
        uploaded_at=uploaded_at,
        classified_at=uploaded_at + timedelta(milliseconds=took_ms),
        model=Model(name="test", version="1.0", rev=rev, sha256="0" * 64),
    )


def rejected(
    key: str = "uploads/ann/cat.jpg",
    *,
    version: int = 1,
    reason: Reason = "undecodable",
    detail: str = "cut off",
    event: bytes = b"{}",
    bucket: str = BUCKET,
) -> ImageRejected:
    return ImageRejected(
        id=image_id(bucket, key),
        user_name="ann",
        image_url=image_url(bucket, key),
        bucket=bucket,
        key=key,
        version_id=f"v{version}",
        etag="e",
        sequencer=pad_sequencer(f"{version:X}"),
        reason=reason,
        detail=detail,
        uploaded_at=NOON,
        rejected_at=after(250),
        model=Model(name="test", version="1.0", rev=1, sha256="0" * 64),
        upload_event=event,
    )


def status(
    component: Literal["storage", "bridge", "classifier", "sink"] = "sink",
    state: Literal["ok", "degraded", "stopped"] = "ok",
    *,
    seconds: float = 0,
    since: float = 0,
    process: str | None = "one",
    warning: str | None = None,
    unavailable: Mapping[str, float] | None = None,
    models: tuple[Model, ...] = (),
) -> PipelineStatus:
    """The status of a component; times in seconds after noon."""
    return PipelineStatus(
        component=component,
        state=state,
        since=after(since * 1000),
        at=after(seconds * 1000),
        warning=warning,
        process=process,
        unavailable={name: after(at * 1000) for name, at in (unavailable or {}).items()},
        models=models,
    )
