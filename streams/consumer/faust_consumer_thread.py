"""
The thread of Faust's consumer, corrected where it loses first messages, stalls for ever, or does not stop.

After a rebalance it seeks to the committed offsets, since it may have fetched messages meanwhile and dropped them.
aiokafka seeks only where an offset was committed. Where none was, the messages that Faust dropped were never read
again, and the commit of the next message passed over them for good.
"""

from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.transport.drivers import aiokafka as driver
from mode.threads import QueueServiceThread

from streams.consumer.fetch_pace import FetchPace, set_pace
from streams.kafka.client_tasks import raise_if_ended
from streams.kafka.offset_fetches import heed_group_errors
from streams.kafka.stopping import stop


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that runs the consumer's client."""

    def __init__(self, consumer: Any, pace: FetchPace | None, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._pace = pace

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        heed_group_errors(consumer)
        if self._pace is not None:
            set_pace(consumer, self._pace)
        return consumer

    async def seek_to_committed(self) -> Mapping[Any, Any]:
        """Seek to the committed offsets, or to the beginning; returns the committed offsets, None for none."""
        committed: Mapping[Any, Any] = await self.call_thread(_seek_to_committed, self._ensure_consumer())
        return committed

    def raise_if_ended(self) -> None:
        """
        Return if the client fetches, or has not started. May be called from any thread.

        Raises:
            ClientEndedError: the client no longer fetches. aiokafka itself returns no messages, or waits.
        """
        if self._consumer is not None and self._consumer._fetcher is not None:  # noqa: SLF001 - none before its start
            raise_if_ended(self._consumer)

    async def on_thread_stop(self) -> None:
        """Stop the client safely: its own stop, while a broker is away, ends this thread midway and its owner waits."""
        await QueueServiceThread.on_thread_stop(self)
        if self._consumer is not None:
            await stop(self._consumer)


async def _seek_to_committed(consumer: AIOKafkaConsumer) -> Mapping[TopicPartition, int | None]:
    committed: dict[TopicPartition, int | None] = await consumer.seek_to_committed()
    unplaced = [partition for partition, offset in committed.items() if not offset]
    still = consumer.assignment()
    if partitions := [partition for partition in unplaced if partition in still]:
        await consumer.seek_to_beginning(*partitions)
    return committed
