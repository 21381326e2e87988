"""How many uploads wait on the retry topics: the lag of each assigned partition, as a metric."""

import asyncio
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams import metrics
from streams.lag import LOOK_SECONDS, lag_of

_ANSWER_SECONDS: Final = 30.0

log = structlog.get_logger()


async def watch(consumer: AIOKafkaConsumer, prefix: str, every_seconds: float = LOOK_SECONDS) -> None:
    """Look for ever, ``prefix`` being that of the topics. While Kafka is away the last figures stay."""
    shown: frozenset[TopicPartition] = frozenset()
    while True:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                waiting = await _waiting(consumer)
        except (KafkaError, TimeoutError) as error:
            log.debug("retry.lag_unknown", error=str(error))
        else:
            for at in shown - waiting.keys():  # somebody else reports it from now on
                metrics.LAG.remove(at.topic.removeprefix(prefix), str(at.partition))
            for at, records in waiting.items():
                metrics.LAG.labels(at.topic.removeprefix(prefix), str(at.partition)).set(records)
            shown = frozenset(waiting)
        await asyncio.sleep(every_seconds)


async def _waiting(consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
    assigned = frozenset(consumer.assignment())
    if not assigned:
        return {}
    ends = await consumer.end_offsets(assigned)  # asked of the broker: what is paused knows no end
    beginnings = await consumer.beginning_offsets(assigned)
    committed = {at: await consumer.committed(at) for at in assigned}
    return lag_of(assigned & frozenset(consumer.assignment()), committed, beginnings, ends)
