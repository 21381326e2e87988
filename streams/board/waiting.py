"""How many messages the sink and the classifiers have not finished: their groups' offsets, and the topics' ends."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

import structlog
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError

from streams.board.state import Board
from streams.kafka_consumer import Consumer
from streams.kafka_security import client_options
from streams.lag import lag_of
from streams.outages import Outages
from streams.settings import KafkaSettings
from streams.stopping import stop
from streams.topics import (
    BULK_GROUP,
    CLASSIFIER_GROUP,
    IMAGE_CLASSIFICATIONS,
    IMAGE_REJECTIONS,
    IMAGE_UPLOADS,
    IMAGE_UPLOADS_BULK,
    SINK_GROUP,
)

WATCHED_SECONDS: Final = 1.0
UNWATCHED_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 10.0

log = structlog.get_logger()


class Waiting:
    """
    Counts what waits, for ever, and with it notices a Kafka that is away.

    Groups may be forbidden to us (DESCRIBE on them is needed): then what waits is unknown, and the rest goes on.
    """

    def __init__(self, settings: KafkaSettings, board: Board, outages: Outages, is_watched: Callable[[], bool]) -> None:
        self._options = client_options(settings)
        self._prefix = settings.kafka_topic_prefix
        self._board = board
        self._outages = outages
        self._is_watched = is_watched

    async def follow(self) -> None:
        """Look for ever: each second while somebody watches, else now and then."""
        while True:
            admin = AIOKafkaAdminClient(**self._options)
            client = Consumer(**self._options)
            try:
                await admin.start()
                await client.start()
                while True:
                    async with asyncio.timeout(ANSWER_SECONDS):
                        await self._look(admin, client)
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

    async def _look(self, admin: AIOKafkaAdminClient, client: Consumer) -> None:
        live = await self._behind(admin, client, CLASSIFIER_GROUP, (IMAGE_UPLOADS,))
        bulk = await self._behind(admin, client, BULK_GROUP, (IMAGE_UPLOADS_BULK,))
        self._board.waiting(
            results=await self._behind(admin, client, SINK_GROUP, (IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS)),
            uploads=None if live is None else live + (bulk or 0),
        )

    async def _behind(
        self, admin: AIOKafkaAdminClient, client: Consumer, group: str, topics: Iterable[str]
    ) -> int | None:
        partitions = [
            TopicPartition(self._prefix + topic, number)
            for topic in topics
            for number in await _partitions(client, self._prefix + topic)
        ]
        if not partitions:
            return None
        ends = await client.end_offsets(partitions)
        beginnings = await client.beginning_offsets(partitions)
        try:
            found = await admin.list_consumer_group_offsets(self._prefix + group, partitions=partitions)
        except KafkaConnectionError:
            raise
        except KafkaError as error:
            log.debug("board.group_unknown", group=group, error=str(error))
            return None
        committed = {each: at.offset for each, at in found.items() if at.offset >= 0}
        return sum(lag_of(frozenset(partitions), committed, beginnings, ends).values())


async def _partitions(client: Consumer, topic: str) -> set[int]:
    metadata = await client._client.fetch_all_metadata()  # noqa: SLF001 - no public call gives fresh partitions
    found: set[int] = metadata.partitions_for_topic(topic) or set()
    return found
