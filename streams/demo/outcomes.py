"""Follows each picture's outcome: results on the topics, rows in the tables, uploads that wait."""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from persistence import reads
from persistence.pool import Pool
from streams.contracts import ImageClassified, decode_classified, decode_rejected
from streams.contracts.topics import IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS
from streams.demo.journey import Journey
from streams.kafka.consumer import Consumer
from streams.kafka.security import client_options
from streams.kafka.stopping import started
from streams.retry.waiting import Waiting, WaitingFilter, waiting
from streams.runtime.settings import KafkaSettings, WaitingSettings, load

POLL_SECONDS: Final = 0.1
IDS_AT_ONCE: Final = 500

Journeys = dict[UUID, Journey]
Arrived = Callable[[Journey], None]


async def follow_results(settings: KafkaSettings, journeys: Journeys, since: datetime, arrived: Arrived) -> None:
    """
    Record the results of all uploads since a moment, until cancelled. Uploads of others join the journeys.

    Messages that break their contract are skipped. Raises KafkaError if no broker answers at the start.
    """
    prefix = settings.kafka_topic_prefix
    consumer = Consumer(
        prefix + IMAGE_CLASSIFICATIONS,
        prefix + IMAGE_REJECTIONS,
        **client_options(settings),
        auto_offset_reset="earliest",
    )
    async with started(consumer):
        async for message in consumer:
            is_classified = message.topic == prefix + IMAGE_CLASSIFICATIONS
            try:
                event = (decode_classified if is_classified else decode_rejected)(message.value or b"")
            except msgspec.DecodeError:
                continue
            if event.uploaded_at < since or event.bucket is None or event.key is None:
                continue
            journey = journeys.get(event.id)
            if journey is None:
                journey = Journey(event.id, event.key, None, event.uploaded_at.timestamp())
                journeys[event.id] = journey
            if journey.result is None:
                journey.result = time.time()
                if isinstance(event, ImageClassified):
                    journey.outcome, journey.confidence = event.classification, event.confidence
                else:
                    journey.outcome = event.reason
                if journey.arrived:
                    arrived(journey)


async def follow_rows(pool: Pool, journeys: Journeys, since: datetime, arrived: Arrived) -> None:
    """Record when each row is stored, until cancelled. Raises PersistenceError if the database is unavailable."""
    while True:
        missing = [journey.id for journey in journeys.values() if journey.stored is None]
        for row in await find_all(pool, missing):
            journey = journeys[row.id]
            if row.timestamp >= since and journey.stored is None:
                journey.stored = row.updated_at.timestamp()
                if journey.arrived:
                    arrived(journey)
        await asyncio.sleep(POLL_SECONDS)


async def find_waiting() -> list[Waiting]:
    """The uploads on the retry topics of the environment's Kafka."""
    async with aclosing(waiting(load(WaitingSettings), WaitingFilter())) as found:
        return [each async for each in found]


async def find_all(pool: Pool, ids: list[UUID]) -> list[reads.Outcome]:
    """The stored outcomes of these objects; objects without one are left out."""
    return [
        row
        for start in range(0, len(ids), IDS_AT_ONCE)
        for row in await reads.find_many(pool, ids[start : start + IDS_AT_ONCE])
    ]
