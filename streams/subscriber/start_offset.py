"""The offset at which a subscriber starts in a partition without a committed one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from aiokafka import AIOKafkaConsumer, TopicPartition

Positions = Mapping[str, int]
"""The offset of the next event, by ``topic/partition`` without prefix. JSON-serialisable."""
Start = Literal["beginning", "now"] | datetime | Positions
"""A time: the first event published then or later. Positions: other partitions start at the beginning."""


def name(at: TopicPartition, prefix: str) -> str:
    """A partition's key in ``Positions``."""
    return f"{at.topic.removeprefix(prefix)}/{at.partition}"


async def first_offset(consumer: AIOKafkaConsumer, at: TopicPartition, start: Start, prefix: str) -> int:
    """
    The first offset to read.

    Raises:
        KafkaError: the broker does not answer (retriable), or refuses.
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
