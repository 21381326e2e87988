"""
Which objects are on their way: named by a message that classifiers or sink have not finished. Joins no group.

The topics are read in the order of an object's way, and of each one the committed offsets before its end: an object
that moves on meanwhile is found where it went. Nobody is going to decide what is neither in the tables nor found here.
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
"""The topics that an object waits on, in the order of its way, each with the group that reads it."""

MAX_WAITING: Final = 1_000_000
"""Messages, and objects, at most: 80 MiB of memory, measured. See TooManyWait."""


class TooManyWait(MendableError):  # noqa: N818 - the name says what happened
    """More wait in Kafka than can be remembered: what is missing cannot be told from what waits."""

    exit_code = MISUSED


class WaitingObjects:
    """
    The ids of objects, at most ``limit`` of them: 128 bits each.

    Raises:
        TooManyWait: when one more is added.
    """

    def __init__(self, limit: int = MAX_WAITING) -> None:
        self._ids: set[int] = set()
        self._limit = limit

    def add(self, identity: UUID) -> None:
        """Remember one."""
        self._ids.add(identity.int)
        if len(self._ids) > self._limit:
            raise too_many(len(self._ids))

    def __contains__(self, identity: UUID) -> bool:
        return identity.int in self._ids

    def __len__(self) -> int:
        return len(self._ids)


def too_many(number: int) -> TooManyWait:
    """The error, as a sentence with its remedy."""
    return TooManyWait(
        f"{number:,} uploads and results wait in Kafka, so that what is missing cannot be told from what waits",
        "look at the lag of petstream-classifier and petstream-sink, and run it again once that has fallen.",
    )


async def waiting_objects(
    settings: KafkaSettings, *, limit: int = MAX_WAITING, moved: Callable[[], None] = lambda: None
) -> WaitingObjects:
    """
    Read what waits now.

    Args:
        settings: Where Kafka is.
        limit: Messages, and objects, at most.
        moved: Told now and then that the reading goes on.

    Raises:
        TooManyWait: there are more; nothing was read of the topic that goes beyond the limit.
        BrokerRefusal: no broker answers, a topic is missing, or a group may not be asked for.
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
    The objects that a message of one of the topics names. Pure; raises for no content.

    A result by its key, ``bucket/key``, which is cheaper than its body.
    """
    if topic in {IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS}:
        bucket, slash, key = (message.key or b"").decode("utf-8", "replace").partition("/")
        if slash:
            yield image_id(bucket, key)
    else:
        yield from (upload.id for upload in parse(message.value or b"") if isinstance(upload, ImageUploaded))
