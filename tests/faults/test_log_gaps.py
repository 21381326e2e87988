"""Offsets that hold no message for us: the markers of transactions, and what Kafka deleted before it was read."""

from collections.abc import Mapping
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from deploy.local.pipeline import Worker
from streams.contracts import encode
from tests.sinking import classified
from tests.world import World, metric

pytestmark = [pytest.mark.durable]  # Kafka's own transactions and deletions

ONE = 0
"""All is written to this partition."""


async def write(world: World, topic: str, *values: bytes, transaction: str | None = None, abort: bool = False) -> None:
    options = {"bootstrap_servers": world.stack.kafka.bootstrap_servers, "transactional_id": transaction}
    async with AIOKafkaProducer(**options) as producer:
        if transaction is not None:
            await producer.begin_transaction()
        for value in values:
            await producer.send_and_wait(world.prefix + topic, value, partition=ONE)
        if transaction is not None:
            await (producer.abort_transaction() if abort else producer.commit_transaction())


async def ends(world: World, topic: str) -> Mapping[int, int]:
    async with AIOKafkaConsumer(bootstrap_servers=world.stack.kafka.bootstrap_servers) as consumer:
        found = await consumer.end_offsets([TopicPartition(world.prefix + topic, ONE)])
    return {partition.partition: offset for partition, offset in found.items()}


async def wait_committed(world: World, group: str, topic: str) -> None:
    """Until the group has committed all of the partition: no tool sees a lag any more."""
    end = (await ends(world, topic))[ONE]
    while (await world.committed(group, topic))[ONE] != end:  # bounded by the test's own time-out
        pass


def lag(worker: Worker) -> float:
    name = f'petstream_kafka_consumer_lag_records{{partition="{ONE}",topic="image-uploads"}}'
    return metric(worker, name) if name in worker.metrics() else -1


async def test_an_upload_in_a_transaction_leaves_no_lag(world: World, chelsea: bytes) -> None:
    keys = [f"uploads/ann/{name}.png" for name in ("committed", "aborted")]
    for key in keys:
        world.put(key, chelsea)
    (worker,) = world.start("classify")
    for key, abort in zip(keys, (False, True), strict=True):
        transaction = f"{world.prefix}{abort}"
        await write(world, "image-uploads", world.notification(key), transaction=transaction, abort=abort)
        await wait_committed(world, "petstream-classifier", "image-uploads")
        world.eventually(lambda: lag(worker) == 0, says=lambda: str(lag(worker)))
    assert len(await world.events("image-classifications")) >= 1
    assert (worker.health() or {})["warnings"] == []


async def test_messages_that_retention_took_are_told_of_by_classifier_and_sink(world: World, chelsea: bytes) -> None:
    key = "uploads/ann/read.png"
    world.put(key, chelsea)
    first = world.start("classify", "sink")
    await write(world, "image-uploads", world.notification(key))
    await write(world, "image-classifications", encode(classified(world.bucket, "uploads/ann/row.png")))
    world.wait_outcomes(key, "uploads/ann/row.png")
    await wait_committed(world, "petstream-classifier", "image-uploads")
    await wait_committed(world, "petstream-sink", "image-classifications")
    for worker in first:
        worker.process.stop(60)

    await write(world, "image-uploads", *[b"lost"] * 3)
    await write(world, "image-classifications", *[b"lost"] * 4)
    expected = {}
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=world.stack.kafka.bootstrap_servers)
    await admin.start()
    for topic, group in (("image-uploads", "petstream-classifier"), ("image-classifications", "petstream-sink")):
        committed, end = (await world.committed(group, topic))[ONE], (await ends(world, topic))[ONE]
        expected[topic] = (committed, end - 1)
        await admin.delete_records({TopicPartition(world.prefix + topic, ONE): RecordsToDelete(end)})
    await admin.close()

    classifier, sink = world.start("classify", "sink")
    for worker, topic, count in ((classifier, "image-uploads", 3), (sink, "image-classifications", 4)):
        world.eventually(lambda: (worker.health() or {}).get("warnings"))  # noqa: B023 - called in this round
        health = worker.health() or {}
        begin, last = expected[topic]
        assert health["status"] == "degraded"
        assert f"{topic}, partition {ONE}: Kafka deleted offsets {begin} to {last} before" in health["warnings"][0]
        assert metric(worker, f'petstream_kafka_records_lost_total{{topic="{topic}"}}') == count
        assert "records.lost" in worker.process.log_tail(200)
        assert (worker.health() or {}).get("ready")
