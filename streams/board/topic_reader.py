"""
Reads the topics without a consumer group. Starts a little before their ends, so that the page is not empty; after an
outage where it ended, if that is later.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streams.board.history_reader import HistoryReader, Unread
from streams.board.messages import Messages
from streams.board.state import Board
from streams.contracts.topics import (
    IMAGE_CLASSIFICATIONS,
    IMAGE_REJECTIONS,
    IMAGE_UPLOADS,
    IMAGE_UPLOADS_BULK,
    PIPELINE_STATUS,
    RETRY_TOPICS,
)
from streams.kafka.client_tasks import ClientEndedError
from streams.kafka.consumer import Consumer
from streams.kafka.security import client_options
from streams.kafka.stopping import stop
from streams.runtime.outages import Outages
from streams.runtime.settings import BoardSettings

READ_BACK: Final = {
    IMAGE_UPLOADS: 1000,
    IMAGE_UPLOADS_BULK: 300,
    **dict.fromkeys(RETRY_TOPICS, 3000),
    IMAGE_CLASSIFICATIONS: 1000,
    IMAGE_REJECTIONS: 300,
    PIPELINE_STATUS: 300,
}
"""How many messages of each topic are read at the start, divided among its partitions."""
RESULT_TOPICS: Final = frozenset({IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS})
POLL_MS: Final = 200
POLL_MESSAGES: Final = 500
FETCH_BYTES: Final = 4 * 1024 * 1024
"""Most bytes fetched from a partition at once. A larger message is fetched alone."""
RECONNECT_SECONDS: Final = 2.0


class TopicReader:
    """Feeds the board from the topics."""

    def __init__(self, settings: BoardSettings, board: Board, history_reader: HistoryReader, outages: Outages) -> None:
        self._settings = settings
        self._history_reader = history_reader
        self._read: dict[TopicPartition, int] = {}
        self._looked_at: datetime | None = None
        self._board = board
        self._outages = outages
        self._messages = Messages(
            board,
            settings.kafka_topic_prefix,
            {
                topic: timedelta(seconds=seconds)
                for topic, seconds in zip(RETRY_TOPICS, settings.retry_delays_seconds, strict=True)
            },
        )

    async def follow(self) -> None:
        """Read until cancelled. Waits while Kafka is unavailable."""
        while True:
            consumer = self._consumer()
            try:
                await consumer.start()
                await self._seek_back(consumer)
                self._board.found(datetime.now(UTC), kafka="there")
                self._outages.end("kafka")
                while True:
                    batches = await consumer.getmany(timeout_ms=POLL_MS, max_records=POLL_MESSAGES)
                    for each, messages in batches.items():
                        for message in messages:
                            self._messages.apply(message)
                            self._read[each] = message.offset + 1
                    await asyncio.sleep(0)  # lets the web server run between the batches of a long backlog
            except (KafkaError, TimeoutError, ClientEndedError) as error:
                self._looked_at = self._board.history.looked_at
                self._board.found(datetime.now(UTC), kafka="away")
                self._outages.begin("kafka", error)
            finally:
                await stop(consumer)
            await asyncio.sleep(RECONNECT_SECONDS)

    def _consumer(self) -> Consumer:
        prefix = self._settings.kafka_topic_prefix
        return Consumer(
            *(prefix + topic for topic in READ_BACK),
            **client_options(self._settings),
            # For partitions that were just added, and for offsets that retention deleted.
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=FETCH_BYTES,
        )

    async def _seek_back(self, consumer: Consumer) -> None:
        """Seek each partition to its share of READ_BACK before its end, or where reading ended."""
        partitions: set[TopicPartition] = consumer.assignment()
        beginnings = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        prefix = self._settings.kafka_topic_prefix
        starts = {}
        for each in partitions:
            siblings = sum(other.topic == each.topic for other in partitions)
            share = -(-READ_BACK[each.topic.removeprefix(prefix)] // siblings)
            read = self._read.get(each, 0)
            starts[each] = max(beginnings[each], ends[each] - share, read if read <= ends[each] else 0)
            consumer.seek(each, starts[each])
        until = {at: start for at, start in starts.items() if at.topic.removeprefix(prefix) in RESULT_TOPICS}
        self._history_reader.ask(Unread(dict(self._read), until, self._looked_at, datetime.now(UTC)))
