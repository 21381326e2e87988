"""
Faust's consumer, corrected where it loses messages, leaks memory or stalls. Its thread is corrected in
faust_consumer_thread.py, the rest of Faust in faust_app.py.

- **Which offset may be committed.** Faust lists every offset of a gap: a gap of five million offsets, left by
  retention, became a list of 242 MiB. Here deliveries are acknowledged in order (acknowledgement.py), so the greatest
  acknowledged offset covers all before it, and gaps need not be known.
- **Markers of transactions.** The last message of a transaction is followed by an offset without a message. Once
  everything that was fetched is acknowledged, the consumer's own position is committed, which is past the marker.
  Otherwise the lag would stay at 1 for ever, here and for every tool that reads committed offsets.
- **Messages that Kafka deleted before they were read** are reported (losses.py).
- **Unchecked metadata**: a timestamp of any 64 bits, headers without values.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from faust.transport.drivers import aiokafka as driver

from streams.consumer.faust_consumer_thread import ConsumerThread
from streams.consumer.fetch_pace import FetchPace
from streams.consumer.losses import Losses, lost
from streams.contracts.message_time import message_time
from streams.kafka.client_tasks import reading_position

log = structlog.get_logger()


class FaustConsumer(driver.Consumer):
    """One for each app. All methods run on the app's event loop."""

    losses: Losses
    topic_prefix: str
    pace: FetchPace | None = None
    _thread: ConsumerThread

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._fetched: dict[TopicPartition, int] = {}  # the last offset that was handed to the app
        self._settled: dict[TopicPartition, int] = {}  # the last that it acknowledged
        self._reached: dict[TopicPartition, int] = {}  # the next offset to be read

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, self.pace, loop=self.loop, beacon=self.beacon)

    # --- fetching

    async def _getmany(self, active_partitions: Any, timeout: float) -> Mapping[TopicPartition, Any]:  # noqa: ASYNC109 - Faust's name
        found: Mapping[TopicPartition, Any] = await super()._getmany(active_partitions, timeout)
        # Only this call moves the positions, apart from the reset of one that is out of range.
        for partition in frozenset(self.assignment()):
            records = found.get(partition)
            position = self.reading_position(partition)
            if records:
                await self._arrived_at(partition, records[0].offset)
                self._reached[partition] = records[-1].offset + 1
                self._fetched[partition] = records[-1].offset
            if position is not None:
                await self._arrived_at(partition, position)
        return found

    async def _arrived_at(self, partition: TopicPartition, offset: int) -> None:
        expected = self._reached.get(partition)
        self._reached[partition] = offset if expected is None else max(expected, offset)
        if expected is None or offset <= expected:
            return
        try:
            beginning = (await self.earliest_offsets(partition))[partition]
        except (KafkaError, TimeoutError) as error:
            log.warning("gap.unexplained", partition=str(partition), expected=expected, found=offset, error=str(error))
            return
        if (gone := lost(expected, offset, beginning)) is not None:
            self.losses.record(partition.topic.removeprefix(self.topic_prefix), partition.partition, gone)

    def reading_position(self, partition: TopicPartition) -> int | None:
        """The next offset that the client reads; None while it is unknown."""
        # Faust's own `position` waits for its thread, which may be stuck.
        return reading_position(self._thread._ensure_consumer(), partition)  # noqa: SLF001

    def raise_if_ended(self) -> None:
        """See ConsumerThread."""
        self._thread.raise_if_ended()

    def _to_message(self, tp: Any, record: Any) -> Any:
        message = super()._to_message(tp, record)
        message.timestamp = message_time(record.timestamp, datetime.now(UTC)).timestamp()
        message.headers = [header for header in record.headers or () if header[1] is not None]
        return message

    # --- committing

    def committed_offsets(self) -> Mapping[TopicPartition, int | None]:
        """The next offset of each partition that the group committed, None for none."""
        offsets: Mapping[TopicPartition, int | None] = self._committed_offset
        return offsets

    def _new_offset(self, tp: Any) -> int | None:
        if acknowledged := self._acked[tp]:
            self._settled[tp] = max(acknowledged)
            acknowledged.clear()
            self._acked_index[tp].clear()
        settled, fetched, reached = self._settled.get(tp), self._fetched.get(tp), self._reached.get(tp)
        if reached and (fetched is None or (settled is not None and settled >= fetched)):
            return reached if settled is None else max(reached, settled + 1)
        return None if settled is None else settled + 1

    async def _add_gap(self, tp: Any, offset_from: int, offset_to: int) -> None:
        """Do nothing: see the module's docstring."""

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[Any]:
        """All partitions that were read: a position may move without an acknowledgement."""
        for tp in {**self._acked, **self._reached}:
            if topics is None or tp in topics or tp.topic in topics:
                yield tp

    # --- seeking

    async def perform_seek(self) -> None:
        """See Faust. Messages that were fetched and not acknowledged are fetched again."""
        await super().perform_seek()
        for remembered in (self._fetched, self._settled, self._reached):
            remembered.clear()  # another consumer may have had the partitions meanwhile
        for tp, committed in self._committed_offset.items():
            if committed is not None:
                self._reached[TopicPartition(*tp)] = committed

    async def on_partitions_revoked(self, revoked: set[Any]) -> None:
        """See Faust."""
        await super().on_partitions_revoked(revoked)
        for partition in revoked:
            for remembered in (self._fetched, self._settled, self._reached):
                remembered.pop(partition, None)
