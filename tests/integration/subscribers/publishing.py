"""Results on topics of a test's own, without a pipeline."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.local.stack import Stack
from streams.contracts import ImageClassified, encode
from streams.contracts.cloudevents import headers
from streams.contracts.identity import pad_sequencer
from streams.contracts.topics import IMAGE_CLASSIFICATIONS
from streams.subscriber import Subscriber
from streams.subscriber.received_event import ReceivedEvent
from tests.sinking import classified

PARTITIONS: Final = {"image-classifications": 3, "image-rejections": 3, "pipeline-status": 1}
FAST: Final = {"session_timeout_ms": 6000, "heartbeat_interval_ms": 500, "metadata_max_age_ms": 2000}


@dataclass(frozen=True)
class Results:
    stack: Stack
    prefix: str

    def __post_init__(self) -> None:
        self.stack.kafka.create_topics({self.prefix + topic: count for topic, count in PARTITIONS.items()})

    @property
    def options(self) -> dict[str, Any]:
        return {"bootstrap_servers": self.stack.kafka.bootstrap_servers, **FAST}

    @property
    def group(self) -> str:
        return self.prefix + "group"

    def subscriber(self, **changes: Any) -> Subscriber:
        return Subscriber(**{"options": self.options, "prefix": self.prefix, **changes})

    async def publish(self, *keys: str, partition: int = 0, copies: int = 1, sequencer: int = 1) -> None:
        events = [classified("pets", key, sequencer=pad_sequencer(f"{sequencer:X}")) for key in keys]
        await self.send(*(event for event in events for _ in range(copies)), partition=partition)

    async def send(
        self,
        *values: ImageClassified | bytes,
        topic: str = IMAGE_CLASSIFICATIONS,
        partition: int = 0,
        context: Mapping[str, bytes] | None = None,
    ) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.stack.kafka.bootstrap_servers) as producer:
            for value in values:
                body = value if isinstance(value, bytes) else encode(value)
                about = list((context or {}).items()) if isinstance(value, bytes) else headers(value, [])
                await producer.send_and_wait(self.prefix + topic, body, partition=partition, headers=about)

    async def committed(self, partition: int = 0, topic: str = IMAGE_CLASSIFICATIONS) -> int | None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.stack.kafka.bootstrap_servers, group_id=self.group, enable_auto_commit=False
        )
        async with consumer:
            at = TopicPartition(self.prefix + topic, partition)
            consumer.assign([at])
            offset: int | None = await consumer.committed(at)
            return offset


@asynccontextmanager
async def entered(subscriber: Subscriber) -> AsyncIterator[AsyncIterator[ReceivedEvent]]:
    """Its events, to be taken one by one."""
    async with subscriber as events:
        iterator = aiter(events)
        try:
            yield iterator
        finally:
            await iterator.aclose()  # type: ignore[attr-defined] # it is a generator


def key_of(received: ReceivedEvent) -> str:
    assert isinstance(received.event, ImageClassified)
    return received.event.key


async def take(subscriber: Subscriber, count: int) -> list[str]:
    """The keys of so many events, all of them handled; the subscriber is left afterwards."""
    keys: list[str] = []
    async with subscriber as events:
        async for received in events:
            keys.append(key_of(received))
            if len(keys) == count:
                events.stop()
    return keys
