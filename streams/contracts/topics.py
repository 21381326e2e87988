"""The topics: names, consumer groups, size limits and retention."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

IMAGE_UPLOADS: Final = "image-uploads"
IMAGE_UPLOADS_BULK: Final = "image-uploads-bulk"
"""Objects that petstream itself enqueues. They are read while live uploads leave capacity (live_first.py)."""
RETRY_TOPICS: Final = ("image-uploads-retry-1m", "image-uploads-retry-10m", "image-uploads-retry-1h")
"""Retry topics, shortest delay first, named after their default delays (RETRY_DELAYS)."""
IMAGE_CLASSIFICATIONS: Final = "image-classifications"
IMAGE_REJECTIONS: Final = "image-rejections"
STORAGE_DEAD_LETTERS: Final = "storage-dead-letters"
PIPELINE_STATUS: Final = "pipeline-status"

CLASSIFIER_GROUP: Final = "petstream-classifier"
BULK_GROUP: Final = "petstream-classifier-bulk"
RETRY_GROUP: Final = "petstream-classifier-retry"
SINK_GROUP: Final = "petstream-sink"
READ_BY: Final[Mapping[str, tuple[str, ...]]] = {
    CLASSIFIER_GROUP: (IMAGE_UPLOADS,),
    BULK_GROUP: (IMAGE_UPLOADS_BULK,),
    RETRY_GROUP: RETRY_TOPICS,
    SINK_GROUP: (IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS),
}
"""The topics of each consumer group, in pipeline order."""

_DAY_MS: Final = 24 * 60 * 60 * 1000
MAX_MESSAGE_BYTES: Final = 2 * 1024 * 1024
"""An SQS message has at most 1 MiB (Amazon SQS quotas). Stores that publish directly get a margin."""
MAX_WRAPPED_BYTES: Final = 2 * MAX_MESSAGE_BYTES
"""A rejection contains its upload event in base64, and a dead letter contains a rejection; each adds a third."""


@dataclass(frozen=True, slots=True)
class Topic:
    """The required state of a topic; ``partitions`` None means the user's choice."""

    name: str
    partitions: int | None = None
    config: Mapping[str, str] = field(default_factory=dict)


_BUFFER: Final = {"max.message.bytes": str(MAX_MESSAGE_BYTES)}
_WRAPPED: Final = {"max.message.bytes": str(MAX_WRAPPED_BYTES)}

TOPICS: Final = (
    Topic(IMAGE_UPLOADS, config=_BUFFER | {"retention.ms": str(7 * _DAY_MS)}),
    # Longer retention: live uploads go first, and no bulk upload may be lost while it waits.
    Topic(IMAGE_UPLOADS_BULK, config=_BUFFER | {"retention.ms": str(14 * _DAY_MS)}),
    # Longer than the retries of any upload: RETRY_MAX_HOURS is at most 5 days.
    *(Topic(name, config=_BUFFER | {"retention.ms": str(7 * _DAY_MS)}) for name in RETRY_TOPICS),
    # The result topics buffer a database outage, so they keep results longer than the longest tolerated outage.
    Topic(IMAGE_CLASSIFICATIONS, config=_BUFFER | {"retention.ms": str(14 * _DAY_MS)}),
    Topic(IMAGE_REJECTIONS, config=_WRAPPED | {"retention.ms": str(14 * _DAY_MS)}),
    Topic(STORAGE_DEAD_LETTERS, 1, config=_WRAPPED | {"retention.ms": "-1"}),
    Topic(PIPELINE_STATUS, 1, config={"cleanup.policy": "compact"}),
)
