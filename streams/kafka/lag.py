"""
The lag of a consumer group: the messages of each assigned partition from its committed offset to its end.

The ends of the partitions are requested from the broker. The consumer's own copy of them is not updated while it is
paused, and it is paused while a backlog grows.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.runtime import metrics

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
    Waiting messages, by partition. Pure.

    Args:
        assigned: the partitions to count, all of them in ``ends``.
        committed: the next offset to read; None, or missing, where the group never committed one.
        beginnings: the oldest offset that Kafka still has. A group without a commit starts there, and one whose
            commit is older has lost the messages between.
        ends: the offset of the next message to be written.
    """
    return {
        partition: max(0, ends[partition] - max(committed.get(partition) or 0, beginnings[partition]))
        for partition in assigned
    }


@dataclass(frozen=True, slots=True)
class Share:
    """A process's share of its group: the partitions assigned to it, and their committed offsets."""

    assigned: Callable[[], frozenset[TopicPartition]]
    committed: Callable[[frozenset[TopicPartition]], Awaitable[Mapping[TopicPartition, int | None]]]


class Lag:
    """
    Shows the lag of a share as a metric, as long as ``watch`` runs.

    Args:
        share: whose lag.
        prefix: of the topics.
        client: opens the consumer that requests the ends.
        on_look: called at each look with the ends of the assigned partitions, or None if Kafka did not answer.
    """

    def __init__(
        self,
        share: Share,
        prefix: str,
        client: Callable[[], AbstractAsyncContextManager[AIOKafkaConsumer]],
        on_look: Callable[[Mapping[TopicPartition, int] | None], None] = lambda _ends: None,
    ) -> None:
        self._share = share
        self._prefix = prefix
        self._client = client
        self._on_look = on_look
        self._shown: frozenset[TopicPartition] = frozenset()

    async def watch(self, every_seconds: float = LOOK_SECONDS) -> None:
        """Look for ever. While Kafka is away the last values stay; another metric shows the outage."""
        while True:
            try:
                async with self._client() as client:
                    while True:
                        async with asyncio.timeout(_ANSWER_SECONDS):
                            await self._look(client)
                        await asyncio.sleep(every_seconds)
            except (KafkaError, TimeoutError) as error:
                log.debug("lag.unknown", error=str(error))
                self._on_look(None)
            await asyncio.sleep(every_seconds)

    async def _look(self, client: AIOKafkaConsumer) -> None:
        assigned = self._share.assigned()
        if not assigned:
            await client.topics()  # raises if Kafka is away
        ends: dict[TopicPartition, int] = await client.end_offsets(assigned) if assigned else {}
        beginnings: dict[TopicPartition, int] = await client.beginning_offsets(assigned) if assigned else {}
        self._on_look(ends)
        committed = await self._share.committed(assigned)
        still = assigned & self._share.assigned()
        for partition in self._shown - still:  # its new owner reports it from now on
            metrics.LAG.remove(*self._labels(partition))
        self._shown = still
        for partition, records in lag_of(still, committed, beginnings, ends).items():
            metrics.LAG.labels(*self._labels(partition)).set(records)

    def _labels(self, partition: TopicPartition) -> tuple[str, str]:
        return partition.topic.removeprefix(self._prefix), str(partition.partition)
