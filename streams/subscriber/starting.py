"""Where a subscriber begins in a partition of which nothing is remembered."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from aiokafka import AIOKafkaConsumer, TopicPartition

Positions = Mapping[str, int]
"""``topic/partition``, without prefix → the offset of the next event. Goes through JSON as it is."""
Start = Literal["beginning", "now"] | datetime | Positions
"""A time means the first event published then or later. Partitions that positions do not name: from the beginning."""


def name(at: TopicPartition, prefix: str) -> str:
    """What a partition is called in positions."""
    return f"{at.topic.removeprefix(prefix)}/{at.partition}"


async def first_offset(consumer: AIOKafkaConsumer, at: TopicPartition, start: Start, prefix: str) -> int:
    """
    The offset to begin with.

    Raises:
        KafkaError: the broker does not say it; retriable while it is away.
    """
    offset: int | None = None
    if isinstance(start, datetime):
        (found,) = (await consumer.offsets_for_times({at: int(start.timestamp() * 1000)})).values()
        offset = found.offset if found else (await consumer.end_offsets([at]))[at]
    elif isinstance(start, Mapping):
        offset = start.get(name(at, prefix))
    elif start == "now":
        offset = (await consumer.end_offsets([at]))[at]
    return (await consumer.beginning_offsets([at]))[at] if offset is None else offset
