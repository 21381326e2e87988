"""
How far behind a consumer group is: the messages of each assigned partition that are not yet acknowledged for good.

The ends of the partitions come from a client of its own. The consumer's own knowledge of them stands still while it is
paused, and it is paused while a backlog grows.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams import metrics
from streams.kafka_security import client_options
from streams.settings import KafkaSettings
from streams.stopping import stop

LOOK_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 30.0

log = structlog.get_logger()


def lag_of(
    assigned: frozenset[TopicPartition],
    committed: Mapping[TopicPartition, int | None],
    beginnings: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
) -> dict[TopicPartition, int]:
    """
    Messages that wait, by partition. Pure.

    Args:
        assigned: the partitions to count, all of them in ``ends``.
        committed: the next offset to read; None, or missing, where the group never committed one.
        beginnings: the oldest offset that Kafka still has. A group without a commit starts there, and one whose
            commit is older than that has lost what lies between.
        ends: the offset of the next message to be written.
    """
    return {
        partition: max(0, ends[partition] - max(committed.get(partition) or 0, beginnings[partition]))
        for partition in assigned
    }


class Lag:
    """Shows the lag of one Faust app as a metric, as long as ``watch`` runs."""

    def __init__(
        self,
        app: Any,
        settings: KafkaSettings,
        on_look: Callable[[Mapping[TopicPartition, int] | None], None] = lambda _ends: None,
    ) -> None:
        """``on_look`` is told the ends of the assigned partitions at each look, or None if Kafka did not answer."""
        self._app = app
        self._on_look = on_look
        self._prefix = settings.kafka_topic_prefix
        self._options = client_options(settings)
        self._shown: frozenset[TopicPartition] = frozenset()

    async def watch(self, every_seconds: float = LOOK_SECONDS) -> None:
        """Look for ever. While Kafka is away the last figures stay; that it is away is shown elsewhere."""
        while True:
            client = AIOKafkaConsumer(**self._options, enable_auto_commit=False)
            try:
                await client.start()
                while True:
                    async with asyncio.timeout(_ANSWER_SECONDS):
                        await self._look(client)
                    await asyncio.sleep(every_seconds)
            except (KafkaError, TimeoutError) as error:
                log.debug("lag.unknown", error=str(error))
                self._on_look(None)
            finally:
                await stop(client)
            await asyncio.sleep(every_seconds)

    async def _look(self, client: AIOKafkaConsumer) -> None:
        consumer = self._app.consumer
        assigned = frozenset(TopicPartition(*partition) for partition in consumer.assignment())
        if not assigned:
            await client.topics()  # is Kafka there at all?
        ends: dict[TopicPartition, int] = await client.end_offsets(assigned) if assigned else {}
        beginnings: dict[TopicPartition, int] = await client.beginning_offsets(assigned) if assigned else {}
        self._on_look(ends)
        still = assigned & frozenset(TopicPartition(*partition) for partition in consumer.assignment())
        # Faust has no public name for what it committed; its monitor knows only what this process did.
        waiting = lag_of(still, consumer._committed_offset, beginnings, ends)  # noqa: SLF001
        for partition in self._shown - still:  # somebody else reports it from now on
            metrics.LAG.remove(*self._labels(partition))
        self._shown = still
        for partition, records in waiting.items():
            metrics.LAG.labels(*self._labels(partition)).set(records)

    def _labels(self, partition: TopicPartition) -> tuple[str, str]:
        return partition.topic.removeprefix(self._prefix), str(partition.partition)
