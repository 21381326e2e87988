"""Step 6 of 7. Events become rows: `streams` speaks of events, `persistence` of records. Pure."""

from persistence.records import ClassificationRecord, RejectionRecord, to_confidence
from streams.contracts import ImageClassified, ImageRejected

Record = ClassificationRecord | RejectionRecord


def record_of(event: ImageClassified | ImageRejected) -> Record:
    """
    The row of an event.

    Raises:
        InvalidRecord: if the event holds what no row can.
    """
    if isinstance(event, ImageClassified):
        return ClassificationRecord(
            id=event.id,
            user_name=event.user_name,
            image_url=event.image_url,
            classification=event.classification,
            confidence=to_confidence(event.confidence),
            processing_time=event.processing_time_ms,
            timestamp=event.uploaded_at,
            source_bucket=event.bucket,
            source_key=event.key,
            source_version_id=event.version_id,
            source_etag=event.etag,
            source_sequencer=event.sequencer,
            model_name=event.model.name,
            model_version=event.model.version,
            model_rev=event.model.rev,
        )
    return RejectionRecord(
        id=event.id,
        user_name=event.user_name,
        image_url=event.image_url,
        reason=event.reason,
        detail=event.detail,
        timestamp=event.uploaded_at,
        source_bucket=event.bucket,
        source_key=event.key,
        source_version_id=event.version_id,
        source_etag=event.etag,
        source_sequencer=event.sequencer,
        model_name=event.model.name,
        model_version=event.model.version,
        model_rev=event.model.rev,
        upload_event=event.upload_event,
    )
