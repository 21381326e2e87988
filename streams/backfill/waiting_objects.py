"""
Finds the objects in the pipeline: those named by a message that classifiers or sink have not finished.

It joins no consumer group. The topics are read in pipeline order, and for each topic the committed offsets are read
before the end offsets, so an object that moves on meanwhile is found on the next topic. An object that is neither in
the tables nor found here will get no outcome.
"""

from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import Any, Final
from uuid import UUID

from streams.contracts.identity import image_id
from streams.contracts.topics import IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS, READ_BY
from streams.kafka.group_offsets import committed
from streams.kafka.scan import scan
from streams.notifications.record import ImageUploaded
from streams.notifications.upload import parse
from streams.runtime.errors import MISUSED, MendableError
from streams.runtime.settings import KafkaSettings

WAY: Final = tuple((topic, group) for group, topics in READ_BY.items() for topic in topics)
"""The topics on which an object waits, in pipeline order, each with the group that reads it."""

MAX_WAITING: Final = 1_000_000
"""Maximum number of messages, and of objects: 80 MiB of memory, measured. See TooManyWait."""


class TooManyWait(MendableError):  # noqa: N818 - the name says what happened
    """Too many messages wait in Kafka to be held in memory, so missing and waiting objects cannot be distinguished."""

    exit_code = MISUSED


class WaitingObjects:
    """
    A set of at most ``limit`` object ids of 128 bits.

    Raises:
        TooManyWait: if one more is added.
    """

    def __init__(self, limit: int = MAX_WAITING) -> None:
        self._ids: set[int] = set()
        self._limit = limit

    def add(self, identity: UUID) -> None:
        """Add an id."""
        self._ids.add(identity.int)
        if len(self._ids) > self._limit:
            raise too_many(len(self._ids))

    def __contains__(self, identity: UUID) -> bool:
        return identity.int in self._ids

    def __len__(self) -> int:
        return len(self._ids)


def too_many(number: int) -> TooManyWait:
    """The error with its remedy."""
    return TooManyWait(
        f"{number:,} uploads and results wait in Kafka, so that what is missing cannot be told from what waits",
        "look at the lag of petstream-classifier and petstream-sink, and run it again once that has fallen.",
    )


async def waiting_objects(
    settings: KafkaSettings, *, limit: int = MAX_WAITING, moved: Callable[[], None] = lambda: None
) -> WaitingObjects:
    """
    Read the messages that wait now.

    Args:
        settings: The Kafka connection.
        limit: Maximum number of messages, and of objects.
        moved: Called from time to time while the messages are read.

    Raises:
        TooManyWait: if more wait; the topic that exceeds the limit is not read.
        BrokerRefusal: if no broker answers, a topic is missing, or access to a group is denied.
    """
    found, messages = WaitingObjects(limit), 0

    def count(more: int) -> None:
        nonlocal messages
        messages += more
        if messages > limit:
            raise too_many(messages)

    for topic, group in WAY:
        starts = await committed(settings, group, topic)
        reading = scan(settings, topic, starts=starts, on_total=count, on_read=lambda _offsets: moved())
        async with aclosing(reading):
            async for message in reading:
                for identity in named_by(topic, message):
                    found.add(identity)
    return found


def named_by(topic: str, message: Any) -> Iterator[UUID]:
    """
    The ids of the objects that a message names. Pure; never raises, whatever the message contains.

    For a result, the message key ``bucket/key`` is read, which is cheaper than decoding the body.
    """
    if topic in {IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS}:
        bucket, slash, key = (message.key or b"").decode("utf-8", "replace").partition("/")
        if slash:
            yield image_id(bucket, key)
    else:
        yield from (upload.id for upload in parse(message.value or b"") if isinstance(upload, ImageUploaded))
