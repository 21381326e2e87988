"""Watches the results as they come, so that a run uploads no faster than they do, and knows when all have one."""

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.kafka.stopping import started
from tests.chaos.history import Identity, newest_and_versioned
from tests.chaos.ledger import Ledger
from tests.chaos.published import RESULTS, result
from tests.world import World

LONGEST_TURN_SECONDS: Final = 2.0
"""Uploads go on at a slower pace however many wait: whoever stands still notices nothing."""
_LOOK_MS: Final = 200


@dataclass
class Watching:
    """``queue``: so many healthy pictures may wait for their result before uploads slow down."""

    world: World
    ledger: Ledger
    queue: int
    answered: dict[Identity, float] = field(default_factory=dict)
    """When each version got its first result, by Kafka's time."""
    _has_room: threading.Event = field(default_factory=threading.Event)

    async def run(self) -> None:
        """Watch until it is cancelled."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.world.stack.kafka.bootstrap_servers, auto_offset_reset="earliest"
        )
        async with started(consumer):
            names = [self.world.prefix + topic for topic in RESULTS]
            consumer.assign(
                [TopicPartition(name, number) for name in names for number in await self._partitions(consumer, name)]
            )
            while True:
                await self._look(consumer)

    def turn(self) -> None:
        """Return when there is room for another upload; may be called from any thread."""
        self._has_room.wait(LONGEST_TURN_SECONDS)

    def waiting(self) -> int:
        """How many healthy pictures have no result."""
        needed = newest_and_versioned(list(self.ledger.versions))
        return sum(
            version.is_healthy and version.identity not in self.answered and version.identity not in self.ledger.taken
            for version in needed
        )

    async def _look(self, consumer: AIOKafkaConsumer) -> None:
        try:
            found = await consumer.getmany(timeout_ms=_LOOK_MS)
        except KafkaError:  # it is being broken
            await asyncio.sleep(_LOOK_MS / 1000)
            return
        for event in (result(message) for messages in found.values() for message in messages):
            self.answered[event.identity] = min(event.at, self.answered.get(event.identity, event.at))
        (self._has_room.set if self.waiting() < self.queue else self._has_room.clear)()

    @staticmethod
    async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
        metadata = await consumer._client.fetch_all_metadata()
        found: set[int] = metadata.partitions_for_topic(topic) or set()
        return found
