"""
Results as typed values, for services in Python: ``async with Subscriber(…) as events: async for received in events``.

It needs petstream without extras. Delivery is at least once: an event counts as handled when the next one is asked for,
or when ``stop`` ends the loop; what a crash, an exception or ``break`` leaves unhandled comes again.
docs/subscribing.md tells the rest.
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
from streams.subscriber.memory import Repeats
from streams.subscriber.received import Received, UnknownEventTypeError, read
from streams.subscriber.starting import Start, first_offset, name

OUTCOMES: Final = (IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS)
"""The two topics that together have each picture."""
REMEMBERED: Final = 100_000
"""
How many events are remembered in order to drop repeats. A classifier that dies repeats at most what it had in flight,
128 messages by default: enough for hundreds of them.
"""
Skipped = Literal["repeat", "unknown", "expired"]

_COMMIT_TIMEOUT_SECONDS: Final = 5.0
_WAIT_MS: Final = 250
_BUFFERED: Final = 100
_log = logging.getLogger(__name__)


class ExpiredEventsError(Exception):
    """The position is older than what the topic keeps (or beyond its end): events may be gone that nobody handled."""

    def __init__(self, at: TopicPartition, position: int) -> None:
        super().__init__(f"{at.topic}, partition {at.partition}: offset {position} is not there any more")
        self.topic: str = at.topic
        self.partition: int = at.partition
        self.position = position


class Subscriber:
    """
    Hands over the events of result topics, one after the other, each as a typed value.

    Args:
        options: Of aiokafka's consumer: ``bootstrap_servers``, and what signing in takes
            (streams.kafka.security.client_options makes them from petstream's settings).
        topics: Without prefix.
        group: The consumer group that remembers what was handled; its members share the partitions. None: read all
            partitions and remember nothing; the caller may store ``positions``.
        start: Where to begin in partitions of which the group remembers nothing.
        prefix: KAFKA_TOPIC_PREFIX of the pipeline. Put before the topics, not before the group.
        unknown: What to do with a ``ce_type`` that this version does not know.
        expired: What to do if events may have been deleted before they were handled: raise, or go on with the oldest.
        remembered: Events, in order to drop repeats by ``ce_id``.
        commit_seconds: How often what was handled is committed, at most.

    Entering raises KafkaConnectionError if no broker answers; one that goes away later is waited for. ``skipped``
    counts what was not handed over.
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
        self._repeats = Repeats(remembered)
        self._consumer: Consumer  # made where a loop runs
        self._buffer: deque[ConsumerRecord] = deque()
        self._in_hand: Received | None = None
        self._taken: ConsumerRecord | None = None
        self._next: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._commit_at = 0.0
        self._stopping = False

    @property
    def positions(self) -> dict[str, int]:
        """Everything before these is handled. Without a group: to be stored, and given as ``start`` the next time."""
        return {name(at, self._prefix): offset for at, offset in self._next.items()}

    def stop(self) -> None:
        """End the loop once the event in hand is handled. For signal handlers, and for loops that have enough."""
        self._stopping = True

    async def __aenter__(self) -> Self:
        fixed = {
            "group_id": self._group,
            "auto_offset_reset": "none",  # where to begin is ours to say, and so is what a gap means
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

    async def __aiter__(self) -> AsyncIterator[Received]:
        """
        The events, until ``stop``. Iterating again begins with the event that was not handled, if there is one.

        Raises:
            UndecodableEventError: a message breaks its contract. Iterating again goes on behind it.
            UnknownEventTypeError: likewise, if so chosen.
            ExpiredEventsError: what was to come next is not there any more, unless chosen otherwise.
            ClientEndedError: the client reads nothing any more; enter a new Subscriber.
            KafkaError: Kafka refuses for good, such as a topic that may not be read.
        """
        while (received := self._in_hand or await self._take()) is not None:
            self._in_hand = received
            yield received
            self._in_hand = None

    async def _take(self) -> Received | None:
        if self._taken is not None:
            self._pass(self._taken)  # the next one is asked for: that one is handled
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
            if received.ce_id is None or not self._repeats.is_repeat(received.ce_id):
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
            # A topic that got more partitions loses the places of all of them, where there is no group.
            await self._place(at, {name(at, self._prefix): self._next[at]} if at in self._next else self._start)
        except OffsetOutOfRangeError as out_of_range:
            ((at, position),) = out_of_range.args[0].items()
            if self._expired == "raise":
                raise ExpiredEventsError(at, position) from out_of_range
            if await self._place(at, "beginning"):
                self.skipped["expired"] += max(0, self._next[at] - position)
                _log.warning("%s: offset %d is not there any more, went on at %d", at, position, self._next[at])
        else:
            for messages in found.values():
                self._buffer.extend(messages)

    async def _place(self, at: TopicPartition, start: Start) -> bool:
        try:
            offset = await first_offset(self._consumer, at, start, self._prefix)
            self._consumer.seek(at, offset)
        except IllegalStateError:
            return False  # given to another member meanwhile
        except KafkaTimeoutError:
            return False  # Kafka is away: asked again at the next fetch
        self._next[at] = offset  # committed, so that a group that began with "now" goes on there
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
            _log.warning("not committed, will be tried again: %r", error)
        else:
            self._committed |= due

    async def _revoke(self, revoked: Iterable[TopicPartition]) -> None:
        await self._commit()
        gone = set(revoked)
        self._buffer = deque(message for message in self._buffer if _place_of(message) not in gone)
        if self._taken is not None and _place_of(self._taken) in gone:
            self._taken = None  # whoever has the partition now counts its positions
        for at in gone:
            self._next.pop(at, None)
            self._committed.pop(at, None)


class _Revocations(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """What another member may get next is committed first, and not handed over any more."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._subscriber._revoke(revoked)  # noqa: SLF001 - the two are one

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Nothing: each is placed when it is read."""


def _place_of(message: ConsumerRecord) -> TopicPartition:
    return TopicPartition(message.topic, message.partition)
