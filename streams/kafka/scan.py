"""Reads a topic from its beginning, or from a point in time, up to its end at the start of the scan. Joins no group."""

import re
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import UnsupportedVersionError

from streams.kafka.consumer import Consumer
from streams.kafka.errors import BrokerRefusal, broker_errors, partitions_of
from streams.kafka.security import client_options
from streams.kafka.stopping import stop
from streams.runtime.settings import KafkaSettings

_POSITION: Final = re.compile(r"(?:([0-9]{1,9}):)?([0-9]{1,18})")
FETCH_MS: Final = 500
SILENCE_MS: Final = 30_000
"""After this long without a message where there should be some, the broker is considered away."""


class Position(NamedTuple):
    """The position of a message; ordered as in a scan."""

    partition: int
    offset: int

    def __str__(self) -> str:
        """As ``from_text`` reads it: ``0:17``."""
        return f"{self.partition}:{self.offset}"

    @classmethod
    def from_text(cls, text: str) -> "Position":
        """
        Read ``partition:offset``, or the offset alone for partition 0.

        Raises:
            ValueError: the text is neither.
        """
        found = _POSITION.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no partition:offset")
        return cls(int(found[1] or 0), int(found[2]))


async def scan(
    settings: KafkaSettings,
    topic: str,
    *,
    since: datetime | None = None,
    after: Position | None = None,
    starts: Mapping[int, int] | None = None,
    on_total: Callable[[int], None] = lambda _total: None,
    on_read: Callable[[int], None] = lambda _count: None,
) -> AsyncGenerator[Any, None]:
    """
    The messages of a topic, partition by partition, in the order of their offsets.

    Args:
        settings: The connection to Kafka.
        topic: Its name without prefix.
        since: Only messages from this time on.
        after: Only messages after this position.
        starts: By partition, the offset to begin with; partitions without one are read from the beginning.
        on_total: Called once with the number of offsets to be scanned.
        on_read: Called with the number of offsets that were scanned since the last call.

    Raises:
        BrokerRefusal: no broker answers, or there is no such topic.
    """
    name = settings.kafka_topic_prefix + topic
    partitions = [TopicPartition(name, number) for number in await partitions_of(settings, topic)]
    consumer = Consumer(**client_options(settings), auto_offset_reset="earliest")
    try:
        with broker_errors():
            await consumer.start()
            ends = await consumer.end_offsets(partitions)
            begin = await _starts(consumer, partitions, ends, since, after)
        for each in partitions:
            begin[each] = max(begin[each], (starts or {}).get(each.partition, 0))
        on_total(sum(max(0, ends[each] - begin[each]) for each in partitions))
        for partition in partitions:
            if begin[partition] >= ends[partition]:
                continue
            consumer.assign([partition])
            consumer.seek(partition, begin[partition])
            reached, silent_ms = begin[partition], 0
            while reached < ends[partition]:
                with broker_errors():
                    batch = await consumer.getmany(partition, timeout_ms=FETCH_MS)
                    position = await consumer.position(partition)  # also passes offsets without a message
                silent_ms = silent_ms + FETCH_MS if position == reached else 0
                if silent_ms >= SILENCE_MS:
                    raise BrokerRefusal(f"Kafka gives nothing of {name} any more; it ends at {ends[partition]}.")
                for message in batch.get(partition, ()):
                    if message.offset < ends[partition]:
                        yield message
                on_read(min(position, ends[partition]) - reached)
                reached = position
    finally:
        await stop(consumer)


async def _starts(
    consumer: Consumer,
    partitions: list[TopicPartition],
    ends: dict[TopicPartition, int],
    since: datetime | None,
    after: Position | None,
) -> dict[TopicPartition, int]:
    starts: dict[TopicPartition, int] = await consumer.beginning_offsets(partitions)
    if since is not None:
        milliseconds = max(0, int(since.timestamp() * 1000))  # Kafka's time begins in 1970
        try:
            found = await consumer.offsets_for_times(dict.fromkeys(partitions, milliseconds))
        except UnsupportedVersionError as error:
            raise BrokerRefusal("This broker finds no offsets by time", "leave --since out.") from error
        for partition, offset in found.items():
            starts[partition] = ends[partition] if offset is None else max(starts[partition], offset.offset)
    if after is not None:
        for partition in partitions:
            if partition.partition < after.partition:
                starts[partition] = ends[partition]
            elif partition.partition == after.partition:
                starts[partition] = max(starts[partition], after.offset + 1)
    return starts
