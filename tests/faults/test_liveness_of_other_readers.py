"""The readers of the retry topics and of the bulk topic fail liveness by themselves; what has to wait fails nothing."""

import asyncio
from datetime import UTC, datetime

import pytest

from deploy.local.pipeline import Worker
from streams.retry.attempt import Attempt
from tests import sabotage
from tests.faults.liveness import BOUND_SECONDS, BOUNDS, PATIENCE_SECONDS, failures, live_for
from tests.sabotage import Sabotage
from tests.world import World

BULK, SOON, LATER = "image-uploads-bulk", "image-uploads-retry-1m", "image-uploads-retry-1h"
READERS = {BULK: "petstream-classifier-bulk", SOON: "petstream-classifier-retry"}


def publish(world: World, topic: str, key: str) -> None:
    attempt = Attempt(1, datetime.now(UTC), "unavailable", "503", "image-uploads", 0, 0)
    asyncio.run(world.publish(world.notification(key), topic=topic, headers=attempt.headers()))


@pytest.fixture(scope="module")
def sabotaged(module_world: World, tmp_path_factory: pytest.TempPathFactory, chelsea: bytes) -> tuple[Sabotage, Worker]:
    """A classifier whose consumers bring nothing, for as long as one likes; live uploads there are none."""
    module_world.put("uploads/ann/1.png", chelsea)
    broken = Sabotage(tmp_path_factory.mktemp("sabotage"), sabotage.FETCHER, sabotage.QUICK_LOOKS)
    module_world.start("sink", wait=False)
    (worker,) = module_world.start("classify", env={**BOUNDS, **broken.env, "RETRY_DELAYS": "1,2,3600"})
    return broken, worker


def test_what_is_not_due_yet_is_no_reason_to_restart(module_world: World, sabotaged: tuple[Sabotage, Worker]) -> None:
    for _ in range(6):  # more than one of a partition
        publish(module_world, LATER, "uploads/ann/1.png")
    live_for(2 * BOUND_SECONDS, sabotaged[1])


@pytest.mark.parametrize("topic", READERS)
def test_a_reader_that_brings_nothing_fails_liveness_until_it_does(
    module_world: World, sabotaged: tuple[Sabotage, Worker], topic: str, chelsea: bytes
) -> None:
    broken, worker = sabotaged
    keys: list[str] = []

    def is_stuck() -> bool:
        if set(keys) <= module_world.outcomes().keys():  # the last one slipped through, by a fetch that had begun
            keys.append(f"uploads/ann/{topic}-{len(keys)}.png")
            module_world.put(keys[-1], chelsea)
            publish(module_world, topic, keys[-1])
        return f"{READERS[topic]}: 0 deliveries in flight and 1 waiting" in failures(worker)

    broken.do(sabotage.FETCHER)
    module_world.eventually(is_stuck, PATIENCE_SECONDS, says=lambda: failures(worker))
    broken.mend(sabotage.FETCHER)
    module_world.wait_outcomes(*keys)
    module_world.eventually(lambda: failures(worker) == "")
