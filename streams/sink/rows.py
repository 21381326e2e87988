"""
Turns events into rows. Pure.

S3 allows NUL in keys and PostgreSQL's text does not hold it: docs/decisions/0007 says what is stored instead.
"""

from persistence.records import USER_NAME_CHARS, ClassificationRecord, RejectionRecord, to_confidence
from streams.contracts import ImageClassified, ImageRejected

Record = ClassificationRecord | RejectionRecord


def storable(key: str) -> str:
    """
    An object's key or URL for a text column: unchanged, unless it contains NUL.

    Then ``%`` is written ``%25`` and NUL ``%00``. The row's id is that of the true key (``identity.image_id``), so an
    escaped key can be recognised.
    """
    return key.replace("%", "%25").replace("\0", "%00") if "\0" in key else key


def record_of(event: ImageClassified | ImageRejected, trace_id: str | None = None) -> Record:
    """
    The row of an event; ``trace_id`` is its message's, 32 hexadecimal digits.

    Raises:
        InvalidRecord: a value of the event does not fit its column.
    """
    if isinstance(event, ImageClassified):
        return ClassificationRecord(
            id=event.id,
            user_name=event.user_name,
            image_url=storable(event.image_url),
            classification=event.classification,
            confidence=to_confidence(event.confidence),
            processing_time=event.processing_time_ms,
            timestamp=event.uploaded_at,
            source_bucket=event.bucket,
            source_key=storable(event.key),
            source_version_id=event.version_id,
            source_etag=event.etag,
            source_sequencer=event.sequencer,
            model_name=event.model.name,
            model_version=event.model.version,
            model_rev=event.model.rev,
            trace_id=trace_id,
        )
    return RejectionRecord(
        id=event.id,
        user_name=_known(event.user_name),
        image_url=None if event.image_url is None else storable(event.image_url),
        reason=event.reason,
        detail=event.detail.replace("\0", "\\x00"),  # text that may quote a key
        timestamp=event.uploaded_at,
        source_bucket=event.bucket,
        source_key=None if event.key is None else storable(event.key),
        source_version_id=event.version_id,
        source_etag=event.etag,
        source_sequencer=event.sequencer,
        model_name=event.model.name,
        model_version=event.model.version,
        model_rev=event.model.rev,
        upload_event=event.upload_event,
        trace_id=trace_id,
    )


def _known(user_name: str | None) -> str | None:
    """
    The user name of a rejected object if it fits the column, else None.

    The rejection's reason may be just that name (``no_user``). As a dead letter, the object would have no outcome.
    """
    fits = user_name and len(user_name) <= USER_NAME_CHARS and "\0" not in user_name
    return user_name if fits else None
