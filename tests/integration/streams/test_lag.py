"""The lag that workers tell of, on a real broker."""

import re

import pytest

from deploy.local.pipeline import Worker
from tests.world import World

WAITING = 600  # more than is in flight and buffered, so that the consumer is paused


def lag(worker: Worker) -> dict[str, float]:
    found = re.findall(
        r'^petstream_kafka_consumer_lag_records\{partition="(\d+)",topic="image-uploads"\} (\S+)$',
        worker.metrics(),
        re.MULTILINE,
    )
    return {partition: float(records) for partition, records in found}


async def test_a_paused_consumers_backlog_is_told_whole_and_each_partition_by_its_owner(
    world: World, chelsea: bytes
) -> None:
    world.put("uploads/ann/1.png", chelsea)
    away = {
        "S3_ENDPOINT_URL": "http://127.0.0.1:9",
        "IN_FLIGHT_MAX_IMAGES": "4",
        "SHUTDOWN_SECONDS": "1",
    }  # nothing can be finished
    (first,) = world.start("classify", env=away)
    message = world.notification("uploads/ann/1.png")
    await world.publish(*[message] * (WAITING // 2))
    world.eventually(lambda: sum(lag(first).values()) == WAITING // 2, says=lambda: str(lag(first)))
    await world.publish(*[message] * (WAITING // 2))
    world.eventually(lambda: sum(lag(first).values()) == WAITING, says=lambda: str(lag(first)))
    assert len(lag(first)) == 3

    (second,) = world.start("classify", env=away)

    def each_is_told_by_one() -> bool:  # during the rebalance, for moments, it may be none or both
        own, others = lag(first), lag(second)
        apart = bool(own) and bool(others) and not own.keys() & others.keys()
        return apart and sum((own | others).values()) == WAITING

    world.eventually(each_is_told_by_one, says=lambda: f"{lag(first)} {lag(second)}")


@pytest.mark.durable
async def test_the_lag_is_told_again_after_the_broker_was_away(world: World, chelsea: bytes) -> None:
    world.put("uploads/ann/1.png", chelsea)
    away = {"S3_ENDPOINT_URL": "http://127.0.0.1:9", "IN_FLIGHT_MAX_IMAGES": "4", "SHUTDOWN_SECONDS": "1"}
    (classifier,) = world.start("classify", env=away)
    message = world.notification("uploads/ann/1.png")
    await world.publish(*[message] * 10)
    world.eventually(lambda: sum(lag(classifier).values()) == 10, says=lambda: str(lag(classifier)))
    world.stack.kafka.restart()
    await world.publish(*[message] * 5)
    world.eventually(lambda: sum(lag(classifier).values()) == 15, says=lambda: str(lag(classifier)))
