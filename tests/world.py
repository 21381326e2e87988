"""One small world for a test: its own topics, tables, bucket and queue in the shared stack, and what one does there."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus
from uuid import UUID

import psycopg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from psycopg.rows import dict_row

from deploy.local.pipeline import Pipeline, Role, Worker
from deploy.local.stack import Stack
from persistence import migrate
from persistence.pool import DatabaseConfig
from streams.contracts.identity import image_id
from streams.kafka import admin as topic_admin
from streams.kafka.stopping import started

PATIENCE_SECONDS = 150.0


@dataclass
class World:
    stack: Stack
    prefix: str
    dsn: str
    bucket: str
    queue_url: str
    env: Mapping[str, str]
    pipeline: Pipeline = field(init=False)
    workers: list[Worker] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pipeline = Pipeline(self.stack, self.env)

    # --- processes

    def start(self, *roles: Role, env: Mapping[str, str] | None = None, wait: bool = True) -> list[Worker]:
        started = [self.pipeline.start(role, env) for role in roles]
        self.workers += started
        for worker in started if wait else ():
            worker.wait_ready()
        return started

    def reconcile_every(self, every: str, *options: str, env: Mapping[str, str] | None = None) -> Worker:
        """Start a reconciliation of the whole bucket that goes on."""
        worker = self.pipeline.start("reconcile", env, [f"s3://{self.bucket}/", "--every", every, *options])
        self.workers.append(worker)
        worker.wait_ready()
        return worker

    def stop(self) -> None:
        """End what runs in it. Nobody waits for what is in hand: the world is thrown away."""
        for worker in self.workers:
            worker.process.kill()

    # --- pictures

    def put(self, key: str, data: bytes, **metadata: str) -> UUID:
        self.stack.objects.s3.put_object(Bucket=self.bucket, Key=key, Body=data, Metadata=metadata)
        return image_id(self.bucket, key)

    def notification(
        self,
        key: str,
        *,
        sequencer: str | None = None,
        version_id: str | None = None,
        at: str = "2026-11-23T20:00:00.000Z",
    ) -> bytes:
        described = {"key": quote_plus(key, safe="/"), "sequencer": sequencer, "versionId": version_id}
        record = {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventTime": at,
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": self.bucket}, "object": {k: v for k, v in described.items() if v is not None}},
        }
        return json.dumps({"Records": [record]}).encode()

    def left_in_queue(self) -> int:
        """Messages in the queue, taken or not, and not yet deleted."""
        answer = self.stack.objects.sqs.get_queue_attributes(
            QueueUrl=self.queue_url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )
        return sum(int(number) for number in answer["Attributes"].values())

    # --- Kafka

    async def publish(
        self,
        *messages: bytes,
        topic: str = "image-uploads",
        headers: list[tuple[str, bytes]] | None = None,
        key: bytes | None = None,
        at: datetime | None = None,
    ) -> None:
        """Publish messages, as if at a moment; None: now."""
        timestamp_ms = None if at is None else round(at.timestamp() * 1000)
        producer = AIOKafkaProducer(bootstrap_servers=self.stack.kafka.bootstrap_servers, max_request_size=4_000_000)
        async with producer:
            sent = [
                await producer.send(self.prefix + topic, each, key, headers=headers or [], timestamp_ms=timestamp_ms)
                for each in messages
            ]
            await asyncio.gather(*sent)

    async def events(self, topic: str) -> list[Any]:
        """Everything on a topic now, as Kafka gives it."""
        name = self.prefix + topic
        consumer = AIOKafkaConsumer(bootstrap_servers=self.stack.kafka.bootstrap_servers, auto_offset_reset="earliest")
        async with started(consumer):
            partitions = [TopicPartition(name, p) for p in await _partitions(consumer, name)]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            found: list[Any] = []
            while any([await consumer.position(p) < ends[p] for p in partitions]):
                for messages in (await consumer.getmany(timeout_ms=200)).values():
                    found += messages
            return found

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        """The offsets that a group has committed, by partition."""
        name = self.prefix + topic
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.stack.kafka.bootstrap_servers, group_id=self.prefix + group, enable_auto_commit=False
        )
        async with started(consumer):
            partitions = [TopicPartition(name, p) for p in await _partitions(consumer, name)]
            consumer.assign(partitions)
            return {p.partition: await consumer.committed(p) or 0 for p in partitions}

    # --- PostgreSQL

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.dsn, row_factory=dict_row, connect_timeout=30) as connection:
            return connection.execute(statement, values).fetchall()

    def outcomes(self) -> dict[str, str]:
        """By key: cat, dog, or the reason of the rejection."""
        found = self.rows("SELECT source_key, outcome, reason FROM image_outcomes")
        return {row["source_key"]: row["reason"] or row["outcome"] for row in found}

    def wait_outcomes(self, *keys: str, within_seconds: float = PATIENCE_SECONDS) -> dict[str, str]:
        """The outcomes, once every key has one."""
        self.eventually(
            lambda: set(keys) <= self.outcomes().keys(),
            within_seconds,
            lambda: f"missing: {set(keys) - self.outcomes().keys()}",
        )
        return self.outcomes()

    def eventually(
        self,
        holds: Callable[[], object],
        within_seconds: float = PATIENCE_SECONDS,
        says: Callable[[], str] = lambda: "",
    ) -> None:
        deadline = time.monotonic() + within_seconds
        while not holds():
            for worker in self.workers:
                if worker.process.poll() not in (None, 0, -9):
                    worker.process.raise_if_ended()
            assert time.monotonic() < deadline, f"did not become true within {within_seconds} s; {says()}"
            time.sleep(0.1)


def create(stack: Stack, name: str, model_file: Path, *, template: str | None) -> World:
    """A world of this name: topics, a migrated database (a copy of the template), a bucket with its queue."""
    world = without_tables(stack, name, model_file, template=template)
    if template is None:
        migrate_database(stack, world.env["DATABASE_NAME"])
    with ThreadPoolExecutor(1) as beside:  # a loop of its own: the caller may be in one
        servers = stack.kafka.bootstrap_servers.split(",")
        copies = min(3, len(servers))
        made = topic_admin.create(
            {"bootstrap_servers": servers}, prefix=world.prefix, partitions=3, replication_factor=copies
        )
        beside.submit(asyncio.run, made).result()
    return world


def without_tables(stack: Stack, name: str, model_file: Path, *, template: str | None = None) -> World:
    """A world without topics, with an empty database (or a copy of the template), and a bucket with its queue."""
    prefix, database, bucket = name + ".", name.replace("-", "_"), name + "-pictures"
    stack.postgres.create_database(database, template=template)
    queue_url = stack.objects.create_bucket_with_queue(bucket, bucket)
    return World(
        stack,
        prefix,
        stack.postgres.dsn(database),
        bucket,
        queue_url,
        {
            "KAFKA_TOPIC_PREFIX": prefix,
            "DATABASE_NAME": database,
            "S3_BUCKET": bucket,
            "SQS_QUEUE_URL": queue_url,
            "SQS_WAIT_SECONDS": "1",
            "SQS_VISIBILITY_SECONDS": "10",
            "MODEL_URI": str(model_file),
            "DECODE_WORKERS": "1",
            "KAFKA_SESSION_TIMEOUT_SECONDS": "6",
            "SHUTDOWN_SECONDS": "10",
            "RETRY_DELAYS": "1,2,3",
        },
    )


def migrate_database(stack: Stack, name: str) -> None:
    """Apply all migrations to a database of the stack."""
    server = stack.postgres
    migrate.up(
        DatabaseConfig(
            host=server.host,
            port=server.port,
            database=name,
            username=server.superuser,
            password=server.password,
            ssl=False,
        )
    )


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    metadata = await consumer._client.fetch_all_metadata()
    partitions: set[int] = metadata.partitions_for_topic(topic) or set()
    return partitions


def metric(worker: Worker, name: str) -> float:
    """The value of one series, such as petstream_sink_rows_total{outcome="stale"}."""
    for line in worker.metrics().splitlines():
        if line.startswith(name + " "):
            return float(line.rpartition(" ")[2])
    raise AssertionError(f"no series {name}")
