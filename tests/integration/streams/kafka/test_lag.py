"""The lag that workers tell of, on a real broker."""

import re
from pathlib import Path

import pytest

from deploy.local.pipeline import Worker
from tests import sabotage
from tests.sabotage import Sabotage
from tests.world import World

WAITING = 600  # more than is in flight and buffered, so that the consumer is paused


def lag(worker: Worker) -> dict[str, float]:
    found = re.findall(
        r'^petstream_kafka_consumer_lag_records\{partition="(\d+)",topic="image-uploads"\} (\S+)$',
        worker.metrics(),
        re.MULTILINE,
    )
    return {partition: float(records) for partition, records in found}


@pytest.fixture
def stuck_engine(tmp_path: Path) -> dict[str, str]:
    """For a classifier that looks at its lag often, and whose engine finishes nothing."""
    frozen = Sabotage(tmp_path, sabotage.ENGINE, sabotage.QUICK_LOOKS)
    frozen.do()
    return {"IN_FLIGHT_MAX_IMAGES": "4", "SHUTDOWN_SECONDS": "1", **frozen.env}


async def test_a_paused_consumers_backlog_is_told_whole_and_each_partition_by_its_owner(
    world: World, stuck_engine: dict[str, str], chelsea: bytes
) -> None:
    world.put("uploads/ann/1.png", chelsea)
    (first,) = world.start("classify", env=stuck_engine)
    message = world.notification("uploads/ann/1.png")
    await world.publish(*[message] * (WAITING // 2))
    world.eventually(lambda: sum(lag(first).values()) == WAITING // 2, says=lambda: str(lag(first)))
    await world.publish(*[message] * (WAITING // 2))
    world.eventually(lambda: sum(lag(first).values()) == WAITING, says=lambda: str(lag(first)))
    assert len(lag(first)) == 3

    (second,) = world.start("classify", env=stuck_engine)

    def each_is_told_by_one() -> bool:  # during the rebalance, for moments, it may be none or both
        own, others = lag(first), lag(second)
        apart = bool(own) and bool(others) and not own.keys() & others.keys()
        return apart and sum((own | others).values()) == WAITING

    world.eventually(each_is_told_by_one, says=lambda: f"{lag(first)} {lag(second)}")


@pytest.mark.durable
async def test_the_lag_is_told_again_after_the_broker_was_away(
    world: World, stuck_engine: dict[str, str], chelsea: bytes
) -> None:
    world.put("uploads/ann/1.png", chelsea)
    (classifier,) = world.start("classify", env=stuck_engine)
    message = world.notification("uploads/ann/1.png")
    await world.publish(*[message] * 10)
    world.eventually(lambda: sum(lag(classifier).values()) == 10, says=lambda: str(lag(classifier)))
    world.stack.kafka.restart()
    await world.publish(*[message] * 5)
    world.eventually(lambda: sum(lag(classifier).values()) == 15, says=lambda: str(lag(classifier)))
