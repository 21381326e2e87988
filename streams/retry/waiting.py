"""
What waits on the retry topics: from the offsets that the classifiers' group committed to the ends. Joins no group.

What the classifiers finished a moment ago, and have not committed, is still among it.
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
    An upload that waits.

    ``topic`` is without prefix. ``key`` is the message's, ``bucket/key`` of the object; None where the message names
    none. ``due`` is when its next attempt begins, at the earliest. ``body`` is the notification, byte for byte.
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
        """Where it lies: ``image-uploads-retry-1m:0:17``."""
        return f"{self.topic}:{self.position}"

    @property
    def object(self) -> tuple[str, str] | None:
        """Bucket and key; None where the message names no object."""
        bucket, slash, key = (self.key or b"").decode("utf-8", "replace").partition("/")
        return (bucket, key) if slash else None

    @property
    def id(self) -> UUID | None:
        """The object's."""
        return image_id(*self.object) if self.object else None

    @property
    def image_url(self) -> str | None:
        """The object's."""
        return f"s3://{'/'.join(self.object)}" if self.object else None


@dataclass(frozen=True, slots=True)
class WaitingFilter:
    """Which uploads. Empty or None: all. ``key`` is what the object's key begins with, without its bucket."""

    reasons: Sequence[RetryReason] = _NO_REASONS
    key: str | None = None

    @property
    def selects_everything(self) -> bool:
        """Whether nothing narrows it down."""
        return not self.reasons and self.key is None

    def takes(self, found: Waiting) -> bool:
        """Whether the upload is wanted."""
        return (not self.reasons or found.attempt.reason in self.reasons) and (
            self.key is None or (found.object is not None and found.object[1].startswith(self.key))
        )


def waiting_of(message: Any, topic: str, delay: timedelta, now: datetime) -> Waiting:
    """A message of a retry topic, as Kafka's client gives it. Pure; raises for no content."""
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
    The uploads that wait, topic by topic, oldest first within a partition.

    Args:
        settings: Where Kafka is, and how long uploads wait on each topic.
        wanted: Which.
        on_total: Told for each topic how many offsets will be gone through.
        on_read: Told of offsets that were gone through.

    Raises:
        BrokerRefusal: no broker answers, a topic is missing, or the group may not be asked for.
    """
    for topic, seconds in zip(RETRY_TOPICS, settings.retry_delays_seconds, strict=True):
        delay = timedelta(seconds=seconds)
        starts = await committed(settings, RETRY_GROUP, topic)
        async with aclosing(scan(settings, topic, starts=starts, on_total=on_total, on_read=on_read)) as messages:
            async for message in messages:
                found = waiting_of(message, topic, delay, datetime.now(UTC))
                if wanted.takes(found):
                    yield found
