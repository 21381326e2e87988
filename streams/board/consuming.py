"""Reads the topics as any subscriber may, without a group: from a little before their ends, lest the page be empty."""

import asyncio
from datetime import timedelta
from typing import Final

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

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

HISTORY: Final = {
    IMAGE_UPLOADS: 1000,
    IMAGE_UPLOADS_BULK: 300,
    **dict.fromkeys(RETRY_TOPICS, 3000),
    IMAGE_CLASSIFICATIONS: 1000,
    IMAGE_REJECTIONS: 300,
    PIPELINE_STATUS: 30,
}
"""Messages of each topic that are read again at the start, shared by its partitions."""
POLL_MS: Final = 200
MESSAGES_AT_ONCE: Final = 500
FETCH_BYTES: Final = 4 * 1024 * 1024
"""Of each topic's partition, at most, held before it is looked at; larger messages still come, one at a time."""
AGAIN_SECONDS: Final = 2.0


class Consuming:
    """The board's consumer."""

    def __init__(self, settings: BoardSettings, board: Board, outages: Outages) -> None:
        self._settings = settings
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
        """Read for ever. A Kafka that is away at the start is waited for; later the client itself connects anew."""
        while True:
            consumer = self._consumer()
            try:
                await consumer.start()
                await self._go_back(consumer)
                self._board.found(kafka="there")
                self._outages.end("kafka")
                while True:
                    batches = await consumer.getmany(timeout_ms=POLL_MS, max_records=MESSAGES_AT_ONCE)
                    for messages in batches.values():
                        for message in messages:
                            self._messages.take(message)
                    await asyncio.sleep(0)  # a long backlog must not keep the page waiting
            except (KafkaError, TimeoutError, ClientEndedError) as error:
                self._board.found(kafka="away")
                self._outages.begin("kafka", error)
            finally:
                await stop(consumer)
            await asyncio.sleep(AGAIN_SECONDS)

    def _consumer(self) -> Consumer:
        prefix = self._settings.kafka_topic_prefix
        return Consumer(
            *(prefix + topic for topic in HISTORY),
            **client_options(self._settings),
            # Where there is no position: a partition that was just added, or one whose log was cut under us.
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=FETCH_BYTES,
        )

    async def _go_back(self, consumer: Consumer) -> None:
        """Start a little before the ends."""
        partitions: set[TopicPartition] = consumer.assignment()
        beginnings = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        prefix = self._settings.kafka_topic_prefix
        for each in partitions:
            siblings = sum(other.topic == each.topic for other in partitions)
            share = -(-HISTORY[each.topic.removeprefix(prefix)] // siblings)
            consumer.seek(each, max(beginnings[each], ends[each] - share))
