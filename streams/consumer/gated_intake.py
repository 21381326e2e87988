"""
Reads topics whose messages may have to wait: the retry topics (retry/due_gate.py) and the bulk topic (live_first.py).

Each partition waits until a gate admits the message at its head, and delays no other partition. It has its own consumer
beside Faust's: Faust has one buffer for all partitions of an agent, in which waiting messages would block the others.
Few messages are held at a time; the others stay in Kafka.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import Final, Protocol

import structlog
from aiokafka import ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, KafkaError

from streams.consumer.acknowledgement import InOrderAcknowledgement
from streams.consumer.backlog import Backlog
from streams.consumer.faust_app import NEVER_SECONDS
from streams.consumer.intake import Intake, Work
from streams.consumer.losses import Losses, lost
from streams.contracts.message_time import message_time
from streams.kafka.client_tasks import reading_position
from streams.kafka.consumer import Consumer
from streams.kafka.lag import Lag, Share
from streams.kafka.security import client_options
from streams.kafka.stopping import stop as stop_consumer
from streams.runtime.error_text import error_text
from streams.runtime.outages import Outages
from streams.runtime.progress import Progress
from streams.runtime.retries import until_available
from streams.runtime.settings import KafkaSettings

_HELD: Final = 32
"""Messages of a partition that are read before they may be taken."""
_FETCH_BYTES: Final = 64 * 1024
"""Per partition and fetch: about 64 notifications. aiokafka drops what exceeds _HELD, and fetches it again."""
_FETCH_WAIT_MS: Final = 250
"""The wait of a fetch that finds nothing. A partition that is resumed meanwhile waits for its end."""
_POLL_SECONDS: Final = 0.25
_COMMIT_SECONDS: Final = 5.0
_SETTLE_SECONDS: Final = 2.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Head:
    """
    The message at the head of a partition.

    ``topic`` is without prefix. ``sent_at`` is the message's timestamp, or the time of reading if the timestamp is
    implausible or in the future.
    """

    topic: str
    partition: int
    sent_at: datetime
    headers: tuple[tuple[str, bytes | None], ...] = ()


class Gate(Protocol):
    """Decides when the message at the head of a partition may be taken."""

    def seconds(self, head: Head) -> float:
        """Seconds until it may be taken, or until the gate is to be asked again; 0 or less: it may be taken now."""

    async def wait(self, seconds: float) -> None:
        """Return after ``seconds``, or sooner if the answer may have changed."""

    def heads(self, topic: str, partition: int, head: Head | None) -> None:
        """Note the message at the head of a partition; None: there is none, or the partition is no longer ours."""


@dataclass(frozen=True, slots=True)
class _Message:
    """A message with the attributes of Faust's; ``timestamp`` is in seconds."""

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
    is_ours: Callable[[], bool]
    """Whether its partition has been ours ever since it was read. If not, the new owner reads the message again."""

    def ack(self) -> None:
        """Allow the offset to be committed."""
        self.acknowledge(self.message.offset)


class _Stopped(Exception):  # noqa: N818 - not an error
    """The process ends."""


async def _end() -> None:
    raise _Stopped


class GatedIntake:
    """
    Takes messages in order within a partition, once the gate admits them, at most ``max_in_flight`` at a time.

    Args:
        group: without prefix, as the topics are.
        work: see intake.Work.
        losses: records messages that Kafka deleted before they were read.
        on_change: see Intake.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        group: str,
        topics: Collection[str],
        gate: Gate,
        *,
        work: Work,
        outages: Outages,
        losses: Losses,
        max_in_flight: int,
        on_change: Callable[[int], None] = lambda _in_flight: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._group = group
        self._prefix = settings.kafka_topic_prefix
        self._topics = [self._prefix + topic for topic in topics]
        self._gate = gate
        self._work = work
        self._outages = outages
        self._losses = losses
        self._now = now
        self._backlog = Backlog()
        self._acknowledgement: InOrderAcknowledgement[_Event] = InOrderAcknowledgement()
        self._intake = Intake(
            self._acknowledgement,
            topics=topics,
            topic_prefix=self._prefix,
            max_in_flight=max_in_flight,
            on_change=on_change,
        )
        self._tasks: dict[TopicPartition, asyncio.Task[None]] = {}
        self._heads: dict[TopicPartition, Head] = {}
        self._generation = 0
        self._reached: dict[TopicPartition, int] = {}
        self._done: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}

    def progress(self) -> Progress:
        """For health: whether the work moves. Messages that the gate holds back do not count as waiting."""
        return Progress(
            pending=lambda: self._acknowledgement.pending,
            done=lambda: self._acknowledgement.acknowledged,
            waiting=lambda: self._backlog.waiting + sum(self._gate.seconds(head) <= 0 for head in self._heads.values()),
            is_member=lambda: self._backlog.is_member,
            of=self._group,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Take messages until ``stop`` is set. Work that does not settle soon after that is delivered again."""
        consumer = await until_available(self._started, on=KafkaError, component="kafka", outages=self._outages)
        share = Share(lambda: frozenset(consumer.assignment()), lambda assigned: _committed(consumer, assigned))
        lag = Lag(share, self._prefix, lambda: nullcontext(consumer), self._backlog.observe)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._commit_for_ever(consumer))
                group.create_task(lag.watch())
                while not stop.is_set():
                    await self._take(consumer, group)
                await self._revoke(consumer)
                group.create_task(_end())  # cancels the other tasks of the group
        except* _Stopped:
            pass
        finally:
            await stop_consumer(consumer)

    async def _started(self) -> Consumer:
        """Start a new client. One that failed to start cannot be started again."""
        session_ms = int(self._settings.kafka_session_timeout_seconds * 1000)
        consumer = Consumer(
            **client_options(self._settings),
            group_id=self._prefix + self._group,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            max_partition_fetch_bytes=_FETCH_BYTES,
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=session_ms // 4,
            max_poll_interval_ms=int(NEVER_SECONDS * 1000),
        )
        self._backlog.joining(lambda at: self._position(consumer, at))
        consumer.subscribe(self._topics, listener=_Rebalance(self, consumer))
        try:
            await consumer.start()
        except BaseException:
            self._backlog.gave_up()  # such as a topic that is missing: no restart would help
            await stop_consumer(consumer)
            raise
        return consumer

    def _position(self, consumer: Consumer, at: TopicPartition) -> float | None:
        """The next offset to be read; infinity while messages are held, since nothing is read then."""
        task = self._tasks.get(at)
        return inf if task is not None and not task.done() else reading_position(consumer, at)

    async def settle(self, seconds: float) -> None:
        """Wait for the work in flight, at most ``seconds``."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._acknowledgement.drained(), seconds)

    async def _take(self, consumer: Consumer, group: asyncio.TaskGroup) -> None:
        try:
            found = await consumer.getmany(timeout_ms=int(_POLL_SECONDS * 1000), max_records=_HELD)
        except KafkaError as error:  # of one partition, such as an unreadable answer
            log.warning("intake.unreadable", group=self._group, error=error_text(error))
            await asyncio.sleep(_POLL_SECONDS)
            return
        for at, messages in found.items():
            consumer.pause(at)
            self._tasks[at] = group.create_task(self._process(consumer, at, messages, self._generation, group))

    async def _process(
        self,
        consumer: Consumer,
        at: TopicPartition,
        messages: list[ConsumerRecord],
        generation: int,
        group: asyncio.TaskGroup,
    ) -> None:
        topic = at.topic.removeprefix(self._prefix)

        def acknowledge(offset: int) -> None:
            if generation == self._generation:
                self._done[at] = offset + 1

        try:
            await self._record_losses(consumer, at, messages[0].offset)
            for message in messages:
                read_at = self._now()
                sent_at = min(message_time(message.timestamp, read_at), read_at)
                await self._pass(at, Head(topic, at.partition, sent_at, message.headers))
                seen = _Message(at.topic, at.partition, message.offset, sent_at.timestamp(), message.headers)
                event = _Event(seen, message.value, acknowledge, lambda: generation == self._generation)
                await self._intake.take(event, (at, generation), self._work, group)
        finally:  # also if the task is cancelled: its partition has another owner now
            self._gate.heads(topic, at.partition, None)
        if generation == self._generation:
            self._reached[at] = messages[-1].offset + 1
            consumer.resume(at)

    async def _pass(self, at: TopicPartition, head: Head) -> None:
        """Return once the gate admits the message: the caller has to take it in the same step."""
        self._gate.heads(head.topic, head.partition, head)
        self._heads[at] = head
        try:
            while (seconds := self._gate.seconds(head)) > 0:
                await self._gate.wait(seconds)
        finally:
            del self._heads[at]

    async def _record_losses(self, consumer: Consumer, at: TopicPartition, offset: int) -> None:
        try:
            expected = self._reached.get(at)
            if expected is None:
                expected = await consumer.committed(at)
            if expected is None or offset <= expected:
                return
            beginning = (await consumer.beginning_offsets([at]))[at]
        except KafkaError as error:
            log.warning("gap.unexplained", partition=str(at), found=offset, error=str(error))
            return
        if (gone := lost(expected, offset, beginning)) is not None:
            self._losses.record(at.topic.removeprefix(self._prefix), at.partition, gone)

    async def _commit_for_ever(self, consumer: Consumer) -> None:
        while True:
            await asyncio.sleep(self._settings.kafka_commit_interval_seconds)
            await self._commit(consumer)

    async def _commit(self, consumer: Consumer) -> None:
        due = {at: offset for at, offset in self._done.items() if self._committed.get(at) != offset}
        if not due:
            return
        try:
            async with asyncio.timeout(_COMMIT_SECONDS):
                await consumer.commit(due)
        except (CommitFailedError, KafkaError, TimeoutError) as error:  # tried again; at worst, messages are repeated
            log.warning("intake.not_committed", group=self._group, error=error_text(error))
        else:
            self._committed |= due

    async def _revoke(self, consumer: Consumer) -> None:
        """Let work in flight settle, and commit it; waiting messages are left to the next owner."""
        self._backlog.revoked()
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        await self.settle(_SETTLE_SECONDS)
        await self._commit(consumer)
        self._generation += 1
        for remembered in (self._reached, self._done, self._committed):
            remembered.clear()


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    def __init__(self, intake: GatedIntake, consumer: Consumer) -> None:
        self._intake = intake
        self._consumer = consumer

    async def on_partitions_revoked(self, _revoked: Iterable[TopicPartition]) -> None:
        await self._intake._revoke(self._consumer)  # noqa: SLF001 - part of GatedIntake

    def on_partitions_assigned(self, _assigned: Iterable[TopicPartition]) -> None:
        self._intake._backlog.assigned()  # noqa: SLF001


async def _committed(consumer: Consumer, assigned: Iterable[TopicPartition]) -> Mapping[TopicPartition, int | None]:
    return {at: await consumer.committed(at) for at in assigned}
