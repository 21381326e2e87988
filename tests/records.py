"""Records for tests: good in every column, and anything may be given otherwise."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal

from persistence.records import NO_SEQUENCER, ClassificationRecord, RejectionRecord

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def sequencer(number: int) -> str:
    """That of the so manieth version, as a row holds it; 0 is that of an event without one."""
    return f"8{number:063X}" if number else NO_SEQUENCER


def object_id(key: str) -> uuid.UUID:
    """The id of the object with this key in the bucket ``photos``."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"s3://photos/{key}")


def classification(key: str = "uploads/ann/1.jpg", *, version: int = 1, **changes: object) -> ClassificationRecord:
    """The record of the object named by ``key``."""
    fields = _shared(key, version) | {"classification": "cat", "confidence": Decimal("0.9876"), "processing_time": 12}
    return ClassificationRecord(**(fields | changes))  # type: ignore[arg-type]  # the caller's names are the fields'


def rejection(key: str = "uploads/ann/1.jpg", *, version: int = 1, **changes: object) -> RejectionRecord:
    """The rejection of the object named by ``key``."""
    fields = _shared(key, version) | {
        "reason": "undecodable",
        "detail": "truncated",
        "upload_event": b'{"Records":[]}',
    }
    return RejectionRecord(**(fields | changes))  # type: ignore[arg-type]  # the caller's names are the fields'


def _shared(key: str, version: int) -> dict[str, object]:
    return {
        "id": object_id(key),
        "user_name": "ann",
        "image_url": f"s3://photos/{key}",
        "timestamp": NOON,
        "source_bucket": "photos",
        "source_key": key,
        "source_sequencer": sequencer(version),
        "model_name": "efficientnet-lite0",
        "model_version": "1.0",
        "model_rev": 1,
    }
