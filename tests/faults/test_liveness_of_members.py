"""A worker that lost its partitions for good fails its liveness; and what is stuck can be stopped. See liveness.py."""

import asyncio
import time
from pathlib import Path

from tests import sabotage
from tests.faults.liveness import BOUNDS, PATIENCE_SECONDS, failures
from tests.sabotage import Sabotage
from tests.world import World, metric

SHUTDOWN_SECONDS = 3


async def test_without_partitions_it_fails_and_a_stop_commits_nothing_unfinished(
    world: World, chelsea: bytes, tmp_path: Path
) -> None:
    broken = Sabotage(tmp_path, sabotage.MEMBERSHIP, sabotage.ENGINE)
    (worker,) = world.start("classify", env={**BOUNDS, **broken.env, "SHUTDOWN_SECONDS": str(SHUTDOWN_SECONDS)})

    # Its partitions are taken away and never given back.
    broken.do(sabotage.MEMBERSHIP)
    (second,) = world.start("classify", wait=False)  # its joining takes the partitions from all
    world.eventually(lambda: "no partitions" in failures(worker), PATIENCE_SECONDS)
    assert await asyncio.to_thread(second.process.stop, 60) == 0  # also while it joins
    world.workers.remove(second)
    broken.mend(sabotage.MEMBERSHIP)
    world.eventually(lambda: failures(worker) == "")

    # It is stopped in the middle of an engine that is frozen: within its bound, with nothing unfinished committed.
    keys = [f"uploads/ann/{i}.png" for i in range(6)]
    for key in keys:
        world.put(key, chelsea)

    async def published() -> int:
        return len(await world.events("image-classifications"))

    await world.publish(*map(world.notification, keys[:3]))
    while await published() < 3:  # bounded by the test's own time-out
        await asyncio.sleep(0.1)
    broken.do(sabotage.ENGINE)
    await world.publish(*map(world.notification, keys[3:]))
    world.eventually(lambda: metric(worker, "petstream_events_in_flight") >= 1)
    began = time.monotonic()
    await asyncio.to_thread(worker.process.stop, 40)
    assert time.monotonic() - began < 30  # 3 s to settle, 10 to leave; the rest is a busy machine's
    world.workers.remove(worker)
    assert sum((await world.committed("petstream-classifier", "image-uploads")).values()) == await published() == 3
    broken.mend()
    world.start("classify", "sink", wait=False)
    assert world.wait_outcomes(*keys) == dict.fromkeys(keys, "cat")
