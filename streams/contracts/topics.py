"""The topics: their names, who reads them, what they keep and for how long."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

IMAGE_UPLOADS: Final = "image-uploads"
IMAGE_UPLOADS_BULK: Final = "image-uploads-bulk"
"""What petstream enqueues itself: read while live uploads leave room (live_first.py)."""
RETRY_TOPICS: Final = ("image-uploads-retry-1m", "image-uploads-retry-10m", "image-uploads-retry-1h")
"""Where uploads wait for another attempt, shortest delay first; each is named for its usual delay (RETRY_DELAYS)."""
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
"""The topics that each consumer group reads, in the order of an object's way."""

_DAY_MS: Final = 24 * 60 * 60 * 1000
MAX_MESSAGE_BYTES: Final = 2 * 1024 * 1024
"""An SQS message has at most 1 MiB (Amazon SQS quotas); stores that publish directly get some room."""
MAX_WRAPPED_BYTES: Final = 2 * MAX_MESSAGE_BYTES
"""A rejection carries its upload event in base64, a dead letter carries a rejection so: each time a third longer."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it should be; ``partitions`` None means as many as the user chose."""

    name: str
    partitions: int | None = None
    config: Mapping[str, str] = field(default_factory=dict)


_BUFFER: Final = {"max.message.bytes": str(MAX_MESSAGE_BYTES)}
_WRAPPED: Final = {"max.message.bytes": str(MAX_WRAPPED_BYTES)}

TOPICS: Final = (
    Topic(IMAGE_UPLOADS, config=_BUFFER | {"retention.ms": str(7 * _DAY_MS)}),
    # It may have to wait for live uploads, which is no reason to lose any of it.
    Topic(IMAGE_UPLOADS_BULK, config=_BUFFER | {"retention.ms": str(14 * _DAY_MS)}),
    # Longer than any upload is tried again: RETRY_MAX_HOURS is at most 5 days.
    *(Topic(name, config=_BUFFER | {"retention.ms": str(7 * _DAY_MS)}) for name in RETRY_TOPICS),
    # The results are the buffer that a database outage fills: they outlive the longest one that is tolerated.
    Topic(IMAGE_CLASSIFICATIONS, config=_BUFFER | {"retention.ms": str(14 * _DAY_MS)}),
    Topic(IMAGE_REJECTIONS, config=_WRAPPED | {"retention.ms": str(14 * _DAY_MS)}),
    Topic(STORAGE_DEAD_LETTERS, 1, config=_WRAPPED | {"retention.ms": "-1"}),
    Topic(PIPELINE_STATUS, 1, config={"cleanup.policy": "compact"}),
)
