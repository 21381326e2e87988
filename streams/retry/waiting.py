"""
The uploads on the retry topics: from the classifiers' committed offsets to the ends. Joins no group.

Uploads that the classifiers have just finished, and not yet committed, are still included.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from streams.contracts import RetryReason
from streams.contracts.identity import image_id
from streams.contracts.message_time import message_time
from streams.contracts.topics import RETRY_GROUP, RETRY_TOPICS
from streams.kafka.group_offsets import committed
from streams.kafka.scan import Position, scan
from streams.retry.attempt import Attempt, read
from streams.runtime.settings import WaitingSettings

_NO_REASONS: Final[tuple[RetryReason, ...]] = ()

Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """
    A parked upload.

    ``topic`` is without prefix. ``key`` is the message's, ``bucket/key`` of the object; None if the message names none.
    ``due`` is the earliest time of its next attempt. ``body`` is the notification, byte for byte.
    """

    topic: str
    position: Position
    key: bytes | None
    attempt: Attempt
    due: datetime
    headers: Headers
    body: bytes

    @property
    def place(self) -> str:
        """Topic, partition and offset: ``image-uploads-retry-1m:0:17``."""
        return f"{self.topic}:{self.position}"

    @property
    def object(self) -> tuple[str, str] | None:
        """Bucket and key; None where the message names no object."""
        bucket, slash, key = (self.key or b"").decode("utf-8", "replace").partition("/")
        return (bucket, key) if slash else None

    @property
    def id(self) -> UUID | None:
        """The object's id."""
        return image_id(*self.object) if self.object else None

    @property
    def image_url(self) -> str | None:
        """The object's URL."""
        return f"s3://{'/'.join(self.object)}" if self.object else None


@dataclass(frozen=True, slots=True)
class WaitingFilter:
    """Which uploads; empty or None: all. ``key`` is a prefix of the object's key, without its bucket."""

    reasons: Sequence[RetryReason] = _NO_REASONS
    key: str | None = None

    @property
    def selects_everything(self) -> bool:
        """Whether there is no condition."""
        return not self.reasons and self.key is None

    def takes(self, found: Waiting) -> bool:
        """Whether the upload matches."""
        return (not self.reasons or found.attempt.reason in self.reasons) and (
            self.key is None or (found.object is not None and found.object[1].startswith(self.key))
        )


def waiting_of(message: Any, topic: str, delay: timedelta, now: datetime) -> Waiting:
    """A message of a retry topic (aiokafka's) as a parked upload. Pure; raises for no content."""
    sent_at = min(message_time(message.timestamp, now), now)
    return Waiting(
        topic=topic,
        position=Position(message.partition, message.offset),
        key=message.key,
        attempt=read(message.headers, now=sent_at),
        due=sent_at + delay,
        headers=tuple(message.headers),
        body=message.value or b"",
    )


async def waiting(
    settings: WaitingSettings,
    wanted: WaitingFilter,
    *,
    on_total: Callable[[int], None] = lambda _total: None,
    on_read: Callable[[int], None] = lambda _count: None,
) -> AsyncGenerator[Waiting, None]:
    """
    The parked uploads, topic by topic, oldest first within a partition.

    Args:
        settings: Kafka, and the delay of each topic.
        wanted: The filter.
        on_total: Called per topic with the number of offsets to scan.
        on_read: Called with the number of offsets scanned.

    Raises:
        BrokerRefusal: no broker answers, a topic is missing, or the group may not be described.
    """
    for topic, seconds in zip(RETRY_TOPICS, settings.retry_delays_seconds, strict=True):
        delay = timedelta(seconds=seconds)
        starts = await committed(settings, RETRY_GROUP, topic)
        async with aclosing(scan(settings, topic, starts=starts, on_total=on_total, on_read=on_read)) as messages:
            async for message in messages:
                found = waiting_of(message, topic, delay, datetime.now(UTC))
                if wanted.takes(found):
                    yield found
