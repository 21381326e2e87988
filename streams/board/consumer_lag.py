"""Polls the lag of the sink's and the classifiers' consumer groups, and whether the groups have members."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError

from streams.board.oldest_messages import HEAD_BYTES, OldestMessages
from streams.board.state import Board
from streams.contracts.topics import BULK_GROUP, CLASSIFIER_GROUP, READ_BY, RETRY_GROUP, SINK_GROUP
from streams.kafka import group_offsets
from streams.kafka.consumer import Consumer
from streams.kafka.errors import BrokerRefusal
from streams.kafka.lag import lag_of
from streams.kafka.security import client_options
from streams.kafka.stopping import stop
from streams.runtime.outages import Outages
from streams.runtime.settings import KafkaSettings

WATCHED_SECONDS: Final = 1.0
UNWATCHED_SECONDS: Final = 10.0
TIMEOUT_SECONDS: Final = 10.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Lag:
    """Of one group, by partition: the number of messages not yet committed, and the next offset."""

    messages: Mapping[TopicPartition, int]
    positions: Mapping[TopicPartition, int]

    @property
    def total(self) -> int:
        return sum(self.messages.values())

    @property
    def first_waiting(self) -> dict[TopicPartition, int]:
        """The next offset of each partition that has messages left."""
        return {at: self.positions[at] for at, count in self.messages.items() if count}


class ConsumerLag:
    """
    Polls for a board. It also notices when Kafka is unavailable, and when a group has no members.

    The lag of a group that may not be described (DESCRIBE is denied) is unknown; nothing else is affected.
    """

    def __init__(self, settings: KafkaSettings, board: Board, outages: Outages, is_watched: Callable[[], bool]) -> None:
        self._options = client_options(settings)
        self._prefix = settings.kafka_topic_prefix
        self._board = board
        self._outages = outages
        self._is_watched = is_watched

    async def follow(self) -> None:
        """Poll until cancelled: each second while the page has viewers, else each 10 s."""
        while True:
            admin = AIOKafkaAdminClient(**self._options)
            client = Consumer(
                **self._options,
                auto_offset_reset="earliest",
                max_partition_fetch_bytes=HEAD_BYTES,
                fetch_max_wait_ms=100,
            )
            oldest_messages = OldestMessages(client)
            try:
                await admin.start()
                await client.start()
                while True:
                    async with asyncio.timeout(TIMEOUT_SECONDS):
                        await self._poll(admin, client, oldest_messages)
                    self._board.found(kafka="there")
                    self._outages.end("kafka")
                    await asyncio.sleep(WATCHED_SECONDS if self._is_watched() else UNWATCHED_SECONDS)
            except (KafkaError, TimeoutError) as error:
                self._board.found(kafka="away")
                self._board.waiting(results=None, uploads=None)
                self._outages.begin("kafka", error)
            finally:
                await stop(client)
                await admin.close()
            await asyncio.sleep(WATCHED_SECONDS)

    async def _poll(self, admin: AIOKafkaAdminClient, client: Consumer, oldest_messages: OldestMessages) -> None:
        results = await self._lag(admin, client, SINK_GROUP)
        uploads = await self._lag(admin, client, CLASSIFIER_GROUP)
        bulk = await self._lag(admin, client, BULK_GROUP)
        parked = await self._lag(admin, client, RETRY_GROUP)
        if parked is not None:
            self._board.attempted(
                {(at.topic.removeprefix(self._prefix), at.partition): next_ for at, next_ in parked.positions.items()}
            )
        self._board.waiting(
            results=None if results is None else results.total,
            uploads=None if uploads is None else uploads.total + (bulk.total if bulk else 0),
            oldest=await oldest_messages.oldest({} if uploads is None else uploads.first_waiting),
        )
        has_members = [await self._has_members(admin, group) for group in (CLASSIFIER_GROUP, RETRY_GROUP)]
        now = datetime.now(UTC)
        # A classifier joins both groups, so one group with members is enough.
        is_there = True if True in has_members else has_members[0]
        self._board.look("classifier", now, is_there=is_there)
        self._board.look("sink", now, is_there=await self._has_members(admin, SINK_GROUP))

    async def _lag(self, admin: AIOKafkaAdminClient, client: Consumer, group: str) -> _Lag | None:
        partitions = [
            TopicPartition(self._prefix + topic, number)
            for topic in READ_BY[group]
            for number in await _partitions(client, self._prefix + topic)
        ]
        if not partitions:
            return None
        ends = await client.end_offsets(partitions)
        beginnings = await client.beginning_offsets(partitions)
        try:
            committed = await group_offsets.fetch_offsets(admin, self._prefix + group, partitions)
        except KafkaConnectionError:
            raise
        except (KafkaError, BrokerRefusal) as error:
            log.debug("board.group_unknown", group=group, error=str(error))
            return None
        positions = {each: max(committed.get(each, 0), beginnings[each]) for each in partitions}
        return _Lag(lag_of(frozenset(partitions), committed, beginnings, ends), positions)

    async def _has_members(self, admin: AIOKafkaAdminClient, group: str) -> bool | None:
        """Whether a group has members; None if unknown. A group that was never created has none."""
        try:
            (answer,) = await admin.describe_consumer_groups([self._prefix + group])
        except KafkaConnectionError:
            raise
        except KafkaError as error:
            log.debug("board.group_unknown", group=group, error=str(error))
            return None
        ((error_code, _group, _state, _protocol_type, _protocol, members, *_),) = answer.groups
        return None if error_code else bool(members)


async def _partitions(client: Consumer, topic: str) -> set[int]:
    metadata = await client._client.fetch_all_metadata()  # noqa: SLF001 - no public call gives fresh partitions
    found: set[int] = metadata.partitions_for_topic(topic) or set()
    return found
