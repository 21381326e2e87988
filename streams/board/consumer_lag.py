"""Polls the consumer groups of the sink and the classifiers: their lag, the oldest of what waits, their members."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError

from streams.board.facts import WaitingWork
from streams.board.oldest_messages import HEAD_BYTES, FirstMessage, OldestMessages
from streams.board.pace import pause
from streams.board.state import Board
from streams.contracts.topics import BULK_GROUP, CLASSIFIER_GROUP, READ_BY, RETRY_GROUP, SINK_GROUP
from streams.kafka import group_offsets
from streams.kafka.consumer import Consumer
from streams.kafka.errors import BrokerRefusal
from streams.kafka.lag import lag_of
from streams.kafka.security import client_options
from streams.kafka.stopping import start, stop
from streams.runtime.outages import Outages
from streams.runtime.settings import KafkaSettings

WATCHED_SECONDS: Final = 1.0
UNWATCHED_SECONDS: Final = 10.0
TIMEOUT_SECONDS: Final = 8.0
"""A broker that has not answered by then does not answer: the page says so within 15 s."""

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
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    await start(admin)
                    await start(client)
                while True:
                    async with asyncio.timeout(TIMEOUT_SECONDS):
                        await self._poll(admin, client, oldest_messages)
                    self._outages.end("kafka")
                    await pause(self._is_watched, watched_seconds=WATCHED_SECONDS, unwatched_seconds=UNWATCHED_SECONDS)
            except (KafkaError, TimeoutError) as error:
                self._board.found(datetime.now(UTC), kafka="away")
                self._outages.begin("kafka", error)
            finally:
                await stop(client)
                await admin.close()
            await asyncio.sleep(WATCHED_SECONDS)

    async def _poll(self, admin: AIOKafkaAdminClient, client: Consumer, oldest_messages: OldestMessages) -> None:
        partitions = await self._partitions(client)
        everything = [each for found in partitions.values() for each in found]
        ends, beginnings = (
            await asyncio.gather(client.end_offsets(everything), client.beginning_offsets(everything))
            if everything
            else ({}, {})
        )
        lags = dict(
            zip(
                partitions,
                await asyncio.gather(
                    *(self._lag(admin, group, ends, beginnings, of) for group, of in partitions.items())
                ),
                strict=True,
            )
        )
        hosts = await asyncio.gather(*(self._members(admin, group) for group in READ_BY))
        members = dict(zip(READ_BY, hosts, strict=True))
        heads = await oldest_messages.look(
            {at: offset for lag in lags.values() if lag is not None for at, offset in lag.first_waiting.items()}
        )
        now = datetime.now(UTC)
        parked = lags[RETRY_GROUP]
        if parked is not None:
            self._board.attempted(
                {(at.topic.removeprefix(self._prefix), at.partition): next_ for at, next_ in parked.positions.items()}
            )
        self._board.waiting(
            uploads=_backlog(lags[CLASSIFIER_GROUP], heads, now),
            # Bulk uploads wait while live ones come: that nothing of them is taken is no fault.
            bulk=replace(_backlog(lags[BULK_GROUP], heads, now), untaken=None),
            results=_backlog(lags[SINK_GROUP], heads, now),
            parked_oldest=_backlog(parked, heads, now).oldest,
        )
        self._board.joined({group: hosts for group, hosts in members.items() if hosts is not None})
        # A classifier joins several groups, so one of them with members is enough.
        classifiers = members[CLASSIFIER_GROUP] or members[RETRY_GROUP]
        self._board.look("classifier", now, is_there=_is_there(classifiers))
        self._board.look("sink", now, is_there=_is_there(members[SINK_GROUP]))
        self._board.found(now, kafka="there")
        self._board.heard_from("kafka", now)

    async def _partitions(self, client: Consumer) -> dict[str, list[TopicPartition]]:
        """The partitions that each group reads."""
        metadata = await client._client.fetch_all_metadata()  # noqa: SLF001 - no public call gives fresh partitions
        return {
            group: [
                TopicPartition(self._prefix + topic, number)
                for topic in topics
                for number in metadata.partitions_for_topic(self._prefix + topic) or ()
            ]
            for group, topics in READ_BY.items()
        }

    async def _lag(
        self,
        admin: AIOKafkaAdminClient,
        group: str,
        ends: Mapping[TopicPartition, int],
        beginnings: Mapping[TopicPartition, int],
        partitions: Sequence[TopicPartition],
    ) -> _Lag | None:
        if not partitions:
            return None
        try:
            committed = await group_offsets.fetch_offsets(admin, self._prefix + group, partitions)
        except KafkaConnectionError:
            raise
        except (KafkaError, BrokerRefusal) as error:
            log.debug("board.group_unknown", group=group, error=str(error))
            return None
        positions = {each: max(committed.get(each, 0), beginnings[each]) for each in partitions}
        return _Lag(lag_of(frozenset(partitions), committed, beginnings, ends), positions)

    async def _members(self, admin: AIOKafkaAdminClient, group: str) -> tuple[str, ...] | None:
        """The hosts of a group's members; None if unknown. A group that was never created has none."""
        try:
            (answer,) = await admin.describe_consumer_groups([self._prefix + group])
        except KafkaConnectionError:
            raise
        except KafkaError as error:
            log.debug("board.group_unknown", group=group, error=str(error))
            return None
        ((error_code, _group, _state, _protocol_type, _protocol, members, *_),) = answer.groups
        return None if error_code else tuple(host.removeprefix("/") for _, _, host, *_ in members)


def _backlog(lag: _Lag | None, heads: Mapping[TopicPartition, FirstMessage], now: datetime) -> WaitingWork:
    if lag is None:
        return WaitingWork()
    ours = [heads[at] for at in lag.first_waiting if at in heads]
    untaken = max((head.untaken_seconds for head in ours), default=0.0)
    return WaitingWork(
        lag.total,
        min((head.at for head in ours if head.at is not None), default=None),
        now - timedelta(seconds=untaken) if untaken else None,
    )


def _is_there(members: tuple[str, ...] | None) -> bool | None:
    return None if members is None else bool(members)
