"""
Reads the retry topics: each partition stands until the message at its head is due, and holds up no other.

A consumer of its own, beside Faust's: Faust has one buffer for all partitions of an agent, where what is not due would
stand before what is. Few messages are held at a time; the others stay in Kafka.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, KafkaError

from streams import metrics
from streams.acknowledgement import InOrderAcknowledgement
from streams.client_tasks import METADATA_MAX_AGE_MS, raise_if_ended
from streams.faust_app import NEVER_SECONDS
from streams.intake import Intake, Work
from streams.kafka_security import client_options
from streams.message_time import message_time
from streams.offset_fetches import heed_group_errors
from streams.outages import Outages
from streams.retries import until_available
from streams.retry import attempt, lag
from streams.settings import KafkaSettings
from streams.stopping import stop as stop_consumer

_HELD: Final = 32
"""Messages of a partition that are read ahead of their time."""
_POLL_SECONDS: Final = 0.25
_COMMIT_SECONDS: Final = 5.0
_SETTLE_SECONDS: Final = 2.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Message:
    """A message as the agents see Faust's: its time is in seconds."""

    topic: str
    partition: int
    offset: int
    timestamp: float
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class _Event:
    message: _Message
    value: bytes | None
    acknowledge: Callable[[int], None]

    def ack(self) -> None:
        """Let the offset be committed."""
        self.acknowledge(self.message.offset)


class _Stopped(Exception):  # noqa: N818 - no error
    """The process ends."""


async def _end() -> None:
    raise _Stopped


class RetryIntake:
    """
    Takes what is due off the retry topics, in order within a partition, at most ``max_in_flight`` at a time.

    Args:
        delays: how long a message waits, by topic without prefix. It counts from the time that the message carries, or
            from its reading if that time is still to come.
        work: see intake.Work.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        group: str,
        delays: Mapping[str, timedelta],
        work: Work,
        outages: Outages,
        *,
        max_in_flight: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._group = settings.kafka_topic_prefix + group
        self._prefix = settings.kafka_topic_prefix
        self._delays = {self._prefix + topic: delay for topic, delay in delays.items()}
        self._work = work
        self._outages = outages
        self._now = now
        self._acknowledgement: InOrderAcknowledgement[_Event] = InOrderAcknowledgement()
        self._intake = Intake(
            self._acknowledgement, topics=delays, topic_prefix=self._prefix, max_in_flight=max_in_flight
        )
        self._lanes: dict[TopicPartition, asyncio.Task[None]] = {}
        self._generation = 0
        self._done: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Take messages until ``stop`` is set. What is in work then and does not settle soon comes again."""
        consumer = await until_available(self._started, on=KafkaError, component="kafka", outages=self._outages)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._commit_for_ever(consumer))
                group.create_task(lag.watch(consumer, self._prefix))
                while not stop.is_set():
                    await self._take(consumer, group)
                await self._revoke(consumer)
                group.create_task(_end())  # what is left in the group with it
        except* _Stopped:
            pass
        finally:
            await stop_consumer(consumer)

    async def _started(self) -> AIOKafkaConsumer:
        """A client that has started. One that could not start cannot be started again."""
        session_ms = int(self._settings.kafka_session_timeout_seconds * 1000)
        consumer = AIOKafkaConsumer(
            **client_options(self._settings),
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=session_ms // 4,
            max_poll_interval_ms=int(NEVER_SECONDS * 1000),
        )
        heed_group_errors(consumer)
        consumer.subscribe(list(self._delays), listener=_Rebalance(self, consumer))
        try:
            await consumer.start()
        except BaseException:
            await stop_consumer(consumer)
            raise
        return consumer

    async def settle(self, seconds: float) -> None:
        """Wait, within a bound, for what is in work."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._acknowledgement.drained(), seconds)

    async def _take(self, consumer: AIOKafkaConsumer, group: asyncio.TaskGroup) -> None:
        raise_if_ended(consumer)
        try:
            found = await consumer.getmany(timeout_ms=int(_POLL_SECONDS * 1000), max_records=_HELD)
        except KafkaError as error:  # of one partition, such as an answer that cannot be read
            log.warning("retry.unreadable", error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(_POLL_SECONDS)
            return
        for at, messages in found.items():
            consumer.pause(at)
            self._lanes[at] = group.create_task(self._work_off(consumer, at, messages, self._generation, group))

    async def _work_off(
        self,
        consumer: AIOKafkaConsumer,
        at: TopicPartition,
        messages: list[ConsumerRecord],
        generation: int,
        group: asyncio.TaskGroup,
    ) -> None:
        oldest = metrics.OLDEST_PARKED.labels(at.topic.removeprefix(self._prefix), str(at.partition))
        try:
            for message in messages:
                read_at = self._now()
                sent_at = min(message_time(message.timestamp, read_at), read_at)
                oldest.set(attempt.read(message.headers, now=sent_at).first_failed_at.timestamp())
                await asyncio.sleep((sent_at + self._delays[at.topic] - read_at).total_seconds())

                def acknowledge(offset: int) -> None:
                    if generation == self._generation:
                        self._done[at] = offset + 1

                seen = _Message(at.topic, at.partition, message.offset, sent_at.timestamp(), message.headers)
                event = _Event(seen, message.value, acknowledge)
                await self._intake.take(event, (at, generation), self._work, group)
        finally:  # also of a lane that is cancelled: its partition is another's now
            oldest.set(0)
        if generation == self._generation:
            consumer.resume(at)

    async def _commit_for_ever(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            await asyncio.sleep(self._settings.kafka_commit_interval_seconds)
            await self._commit(consumer)

    async def _commit(self, consumer: AIOKafkaConsumer) -> None:
        due = {at: offset for at, offset in self._done.items() if self._committed.get(at) != offset}
        if not due:
            return
        try:
            async with asyncio.timeout(_COMMIT_SECONDS):
                await consumer.commit(due)
        except (CommitFailedError, KafkaError, TimeoutError) as error:
            log.warning("retry.not_committed", error=f"{type(error).__name__}: {error}")  # tried again; else a repeat
        else:
            self._committed |= due

    async def _revoke(self, consumer: AIOKafkaConsumer) -> None:
        """What is in work may settle and be committed; what only waits is the next owner's."""
        for lane in self._lanes.values():
            lane.cancel()
        self._lanes.clear()
        await self.settle(_SETTLE_SECONDS)
        await self._commit(consumer)
        self._generation += 1
        self._done.clear()
        self._committed.clear()


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    def __init__(self, intake: RetryIntake, consumer: AIOKafkaConsumer) -> None:
        self._intake = intake
        self._consumer = consumer

    async def on_partitions_revoked(self, _revoked: Iterable[TopicPartition]) -> None:
        await self._intake._revoke(self._consumer)  # noqa: SLF001 - the two are one

    def on_partitions_assigned(self, _assigned: Iterable[TopicPartition]) -> None:
        """Nothing: each is paused once it brings something."""
