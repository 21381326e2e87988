"""Kafka goes away while pictures arrive. Whoever waits for it lives, and all that it costs is time."""

from pathlib import Path

import pytest

from tests import sabotage
from tests.faults.accounts import assert_account, small, upload
from tests.faults.liveness import live_for
from tests.sabotage import Sabotage
from tests.world import World


@pytest.mark.durable
@pytest.mark.parametrize(
    ("parts", "bound_seconds"),
    [
        pytest.param([sabotage.QUICK_PRODUCER, sabotage.QUICK_LOOKS], 8, id="producers that give up after 3 s"),
        pytest.param([], 40, id="producers as they are", marks=pytest.mark.slow),
    ],
)
async def test_a_broker_that_restarts_under_load_costs_only_time_and_restarts_nobody(
    world: World, chelsea: bytes, tmp_path: Path, parts: list[str], bound_seconds: int
) -> None:
    cat = small(chelsea)
    env = {"NO_PROGRESS_SECONDS": str(bound_seconds), **Sabotage(tmp_path, *parts).env}
    bridge, *others = world.start("bridge", "classify", "sink", env=env)
    keys = upload(world, 20, cat, "before")
    world.wait_outcomes(keys[0])
    world.stack.kafka.kill()
    try:
        keys += upload(world, 10, cat, "during")
        live_for(2 * bound_seconds, bridge, *others)
        world.eventually(lambda: "kafka is away" in str((bridge.health() or {}).get("warnings")))
    finally:
        world.stack.kafka.start()
    keys += upload(world, 10, cat, "after")
    assert_account(world, keys)
    assert await world.events("image-rejections") == []
