"""Takes uploads away before they are read, as Kafka's retention does when a backlog lasts longer than it."""

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import stamina
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaError

from streams.contracts.topics import CLASSIFIER_GROUP, IMAGE_UPLOADS
from tests.chaos.history import Identity, Version
from tests.chaos.published import arrivals, by_key, identities
from tests.chaos.troubles import Troubles
from tests.world import World

UNREAD: Final = 12
UNREAD_SECONDS: Final = 60.0
"""So long for them to come: the bridge may have been killed."""


@dataclass
class Retention:
    """``arrivals``: when the messages came that are on the topic no more, read or not, in seconds of the Unix epoch."""

    world: World
    troubles: Troubles
    arrivals: dict[Identity, float] = field(default_factory=dict)

    async def overrun(self, rng: random.Random) -> int:
        """
        Let some uploads come, and delete everything on their topic. Nobody may read it meanwhile.

        Returns:
            How many messages were taken that the classifiers had not committed.
        """
        keys = await asyncio.to_thread(self.troubles.healthy, UNREAD, rng)
        give_up = time.monotonic() + UNREAD_SECONDS
        while time.monotonic() < give_up and not keys <= {key for key, _ in await self._arrived()}:
            await asyncio.sleep(0.2)
        self.arrivals = await self._arrived() | self.arrivals
        unread, ends = await _unread(self.world)
        await _delete(self.world, ends)
        for message in unread:
            self.troubles.ledger.take(identities(message.value or b"", self._versions()))
        return len(unread)

    async def _arrived(self) -> dict[Identity, float]:
        return arrivals(await self.world.events(IMAGE_UPLOADS), self._versions())

    def _versions(self) -> dict[str, list[Version]]:
        return by_key(list(self.troubles.ledger.versions))


async def _unread(world: World) -> tuple[list[Any], dict[TopicPartition, int]]:
    """The messages that the classifiers have not committed, and the offsets behind them."""
    committed = await world.committed(CLASSIFIER_GROUP, IMAGE_UPLOADS)
    partitions = [TopicPartition(world.prefix + IMAGE_UPLOADS, number) for number in committed]
    async with AIOKafkaConsumer(bootstrap_servers=world.stack.kafka.bootstrap_servers) as consumer:
        consumer.assign(partitions)
        beginnings, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        for partition in partitions:
            consumer.seek(partition, max(committed[partition.partition], beginnings[partition]))
        found: list[Any] = []
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for messages in (await consumer.getmany(timeout_ms=200)).values():
                found += messages
    return found, ends


@stamina.retry(on=KafkaError, attempts=20)  # a cluster that has just come back is still choosing its leaders
async def _delete(world: World, ends: Mapping[TopicPartition, int]) -> None:
    """Have the log begin there."""
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=world.stack.kafka.bootstrap_servers)
    await admin.start()
    try:
        await admin.delete_records({partition: RecordsToDelete(end) for partition, end in ends.items()})
    finally:
        await admin.close()
