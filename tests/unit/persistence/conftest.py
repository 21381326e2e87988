import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from persistence.records import ClassificationRecord, RejectionRecord

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def classification() -> Callable[..., ClassificationRecord]:
    def make(key: str = "1.jpg", **changes: object) -> ClassificationRecord:
        fields: dict[str, object] = {
            "id": uuid.uuid5(uuid.NAMESPACE_URL, f"s3://photos/{key}"),
            "user_name": "ann",
            "image_url": f"s3://photos/{key}",
            "classification": "cat",
            "confidence": Decimal("0.9876"),
            "processing_time": 12,
            "timestamp": NOON,
            "source_bucket": "photos",
            "source_key": key,
            "model_name": "efficientnet-lite0",
            "model_version": "1.0",
            "model_rev": 1,
        }
        return ClassificationRecord(**(fields | changes))  # type: ignore[arg-type]  # the caller's names are the fields'

    return make


@pytest.fixture
def rejection() -> Callable[..., RejectionRecord]:
    def make(key: str = "1.jpg", **changes: object) -> RejectionRecord:
        fields: dict[str, object] = {
            "id": uuid.uuid5(uuid.NAMESPACE_URL, f"s3://photos/{key}"),
            "reason": "undecodable",
            "timestamp": NOON,
            "source_bucket": "photos",
            "source_key": key,
            "upload_event": b"{}",
        }
        return RejectionRecord(**(fields | changes))  # type: ignore[arg-type]  # the caller's names are the fields'

    return make
