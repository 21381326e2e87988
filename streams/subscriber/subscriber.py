"""
Results as typed values, for services in Python: ``async with Subscriber(…) as events: async for received in events``.

It needs petstream without extras. Delivery is at least once. An event is handled when the loop asks for the next one,
or when ``stop`` ends the loop. After a crash, an exception or ``break`` the event is delivered again. More in
docs/subscribing.md.
"""

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Literal, Self

from aiokafka import ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaTimeoutError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from streams.contracts.topics import IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS
from streams.kafka.consumer import Consumer
from streams.kafka.stopping import stop
from streams.subscriber.deduplication import Deduplicator
from streams.subscriber.received_event import ReceivedEvent, UnknownEventTypeError, read
from streams.subscriber.start_offset import Start, first_offset, name

OUTCOMES: Final = (IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS)
"""The two topics that together have the outcome of each picture."""
REMEMBERED: Final = 100_000
"""
How many event ids are remembered for deduplication. A classifier that dies repeats at most its messages in flight, 128
by default: enough for hundreds of deaths.
"""
Skipped = Literal["repeat", "unknown", "expired"]

_COMMIT_TIMEOUT_SECONDS: Final = 5.0
_WAIT_MS: Final = 250
_BUFFERED: Final = 100
_log = logging.getLogger(__name__)


class ExpiredEventsError(Exception):
    """The position is older than the topic's retention, or beyond its end: unhandled events may be lost."""

    def __init__(self, at: TopicPartition, position: int) -> None:
        super().__init__(f"{at.topic}, partition {at.partition}: offset {position} no longer exists")
        self.topic: str = at.topic
        self.partition: int = at.partition
        self.position = position


class Subscriber:
    """
    Yields the events of result topics, one after the other, as typed values.

    Args:
        options: Of aiokafka's consumer: ``bootstrap_servers`` and those for TLS and SASL
            (streams.kafka.security.client_options makes them from petstream's settings).
        topics: Without prefix.
        group: The consumer group that commits the offsets; its members share the partitions. None: read all
            partitions and commit nothing; the caller may store ``positions``.
        start: Where to start in partitions without a committed offset.
        prefix: KAFKA_TOPIC_PREFIX of the pipeline. Put before the topics, not before the group.
        unknown: What to do with an unknown ``ce_type``.
        expired: What to do if retention deleted unhandled events: raise, or continue with the oldest event.
        remembered: How many ``ce_id`` are remembered for deduplication.
        commit_seconds: Least time between two commits.

    Entering raises KafkaConnectionError if no broker answers. Later outages are waited out. ``skipped`` counts the
    messages that were not yielded.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        topics: Iterable[str] = OUTCOMES,
        *,
        group: str | None = None,
        start: Start = "beginning",
        prefix: str = "",
        unknown: Literal["skip", "raise"] = "skip",
        expired: Literal["skip", "raise"] = "raise",
        remembered: int = REMEMBERED,
        commit_seconds: float = 1.0,
    ) -> None:
        if isinstance(start, datetime) and start.tzinfo is None:
            raise ValueError("start has no time zone")
        self.skipped: Counter[Skipped] = Counter()
        self._options, self._topics = options, [prefix + topic for topic in topics]
        self._group, self._start, self._prefix = group, start, prefix
        self._unknown, self._expired, self._commit_seconds = unknown, expired, commit_seconds
        self._deduplicator = Deduplicator(remembered)
        self._consumer: Consumer  # created in the event loop
        self._buffer: deque[ConsumerRecord] = deque()
        self._current: ReceivedEvent | None = None
        self._taken: ConsumerRecord | None = None
        self._next: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._commit_at = 0.0
        self._stopping = False

    @property
    def positions(self) -> dict[str, int]:
        """Everything before these offsets is handled. Without a group: store them, and pass them as ``start``."""
        return {name(at, self._prefix): offset for at, offset in self._next.items()}

    def stop(self) -> None:
        """End the loop after the current event. May be called from a signal handler."""
        self._stopping = True

    async def __aenter__(self) -> Self:
        fixed = {
            "group_id": self._group,
            "auto_offset_reset": "none",  # handled in _fetch
            "fetch_max_wait_ms": _WAIT_MS,
        }
        self._consumer = Consumer(**{**self._options, **fixed})
        self._consumer.subscribe(self._topics, listener=_Revocations(self))
        try:
            await self._consumer.start()
        except BaseException:
            await stop(self._consumer)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._commit()
        finally:
            await stop(self._consumer)

    async def __aiter__(self) -> AsyncIterator[ReceivedEvent]:
        """
        The events, until ``stop``. A second iteration starts with the unhandled event, if there is one.

        Raises:
            UndecodableEventError: a message breaks its contract. The next iteration continues after it.
            UnknownEventTypeError: likewise, with ``unknown="raise"``.
            ExpiredEventsError: the next events were deleted, with ``expired="raise"``.
            ClientEndedError: the client has stopped reading; enter a new Subscriber.
            KafkaError: a permanent refusal, such as a topic that may not be read.
        """
        while (received := self._current or await self._take()) is not None:
            self._current = received
            yield received
            self._current = None

    async def _take(self) -> ReceivedEvent | None:
        if self._taken is not None:
            self._pass(self._taken)  # handled, since the next one is asked for
        while not self._stopping:
            if time.monotonic() >= self._commit_at:
                await self._commit()
            if not self._buffer:
                await self._fetch()
                continue
            self._taken = self._buffer.popleft()
            try:
                received = read(self._taken, prefix=self._prefix)
            except UnknownEventTypeError as unknown:
                if self._unknown == "raise":
                    raise
                _log.warning("skipped: %s", unknown)
                self._skip("unknown")
                continue
            if received.ce_id is None or not self._deduplicator.is_duplicate(received.ce_id):
                return received
            self._skip("repeat")
        return None

    def _skip(self, why: Skipped) -> None:
        self.skipped[why] += 1
        self._pass(self._taken)

    def _pass(self, message: ConsumerRecord) -> None:
        self._next[_place_of(message)] = message.offset + 1
        self._taken = None

    async def _fetch(self) -> None:
        try:
            found = await self._consumer.getmany(timeout_ms=_WAIT_MS, max_records=_BUFFERED)
        except NoOffsetForPartitionError as unplaced:
            (at,) = unplaced.args
            # Without a group, new partitions make the client drop the positions of all of them.
            await self._place(at, {name(at, self._prefix): self._next[at]} if at in self._next else self._start)
        except OffsetOutOfRangeError as out_of_range:
            ((at, position),) = out_of_range.args[0].items()
            if self._expired == "raise":
                raise ExpiredEventsError(at, position) from out_of_range
            if await self._place(at, "beginning"):
                self.skipped["expired"] += max(0, self._next[at] - position)
                _log.warning("%s: offset %d no longer exists, continued at %d", at, position, self._next[at])
        else:
            for messages in found.values():
                self._buffer.extend(messages)

    async def _place(self, at: TopicPartition, start: Start) -> bool:
        try:
            offset = await first_offset(self._consumer, at, start, self._prefix)
            self._consumer.seek(at, offset)
        except IllegalStateError:
            return False  # reassigned to another member
        except KafkaTimeoutError:
            return False  # Kafka is unavailable: tried again at the next fetch
        self._next[at] = offset  # committed, so that a group that started at "now" continues there
        return True

    async def _commit(self) -> None:
        self._commit_at = time.monotonic() + self._commit_seconds
        if self._group is None:
            return
        assigned = self._consumer.assignment()
        due = {at: offset for at, offset in self._next.items() if at in assigned and self._committed.get(at) != offset}
        if not due:
            return
        try:
            async with asyncio.timeout(_COMMIT_TIMEOUT_SECONDS):
                await self._consumer.commit(due)
        except (CommitFailedError, TimeoutError) as error:
            _log.warning("commit failed, will be tried again: %r", error)
        else:
            self._committed |= due

    async def _revoke(self, revoked: Iterable[TopicPartition]) -> None:
        await self._commit()
        gone = set(revoked)
        self._buffer = deque(message for message in self._buffer if _place_of(message) not in gone)
        if self._taken is not None and _place_of(self._taken) in gone:
            self._taken = None  # its offset now belongs to the new owner
        for at in gone:
            self._next.pop(at, None)
            self._committed.pop(at, None)


class _Revocations(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """Commits revoked partitions and drops their buffered messages."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._subscriber._revoke(revoked)  # noqa: SLF001 - the two are one

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Nothing: ``_fetch`` places each partition."""


def _place_of(message: ConsumerRecord) -> TopicPartition:
    return TopicPartition(message.topic, message.partition)
