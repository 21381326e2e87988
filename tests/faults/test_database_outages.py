"""The database goes away, or is not there yet. Classification never waits for it; the sink does, and loses nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
import pytest

from deploy.local.pipeline import Worker
from streams.contracts import PipelineStatus, decode_classified
from tests.faults.accounts import assert_account, small, upload
from tests.faults.liveness import BOUND_SECONDS, BOUNDS, live_for
from tests.world import World, metric


@dataclass
class Fed:
    """A pipeline whose sink came to know its database late."""

    world: World
    cat: bytes
    sink: Worker
    keys: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def fed(module_world: World, chelsea: bytes) -> Iterator[Fed]:
    world = module_world
    world.stack.postgres.stop()
    try:
        _, _, sink = world.start("bridge", "classify", "sink", env=BOUNDS, wait=False)
        made = Fed(world, small(chelsea), sink)
        yield made
    finally:
        world.stack.postgres.start()


def degraded(sink: Worker) -> bool:
    return (sink.health() or {}).get("status") == "degraded"


def test_a_database_that_is_down_at_the_start_is_waited_for(fed: Fed) -> None:
    for worker in fed.world.workers:
        worker.wait_ready()  # all of them become ready
    fed.keys += upload(fed.world, 5, fed.cat, "early")
    fed.world.eventually(lambda: degraded(fed.sink))
    fed.world.stack.postgres.start()
    assert_account(fed.world, fed.keys)
    fed.world.eventually(lambda: (fed.sink.health() or {}).get("status") == "ok")


async def test_classification_never_waits_for_the_database_and_the_sink_waits_alive(fed: Fed) -> None:
    world, sink = fed.world, fed.sink
    world.stack.postgres.stop()
    try:
        fed.keys += upload(world, 15, fed.cat, "during")
        missing = set(fed.keys)
        while missing:  # bounded by the test's own time-out
            missing -= {decode_classified(message.value).key for message in await world.events("image-classifications")}
        world.eventually(lambda: degraded(sink))
        assert "database is away since" in (sink.health() or {})["warnings"][0]
        assert metric(sink, 'petstream_degraded{component="database"}') == 1
        world.eventually(lambda: metric(sink, "petstream_events_in_flight") == 15)
        live_for(2 * BOUND_SECONDS, sink)
    finally:
        world.stack.postgres.start()
    assert_account(world, fed.keys)
    world.eventually(lambda: (sink.health() or {}).get("status") == "ok")
    assert await world.events("storage-dead-letters") == []
    told = [""]
    while told[-1] != "ok" or "degraded" not in told:  # bounded by the test's own time-out
        events = await world.events("pipeline-status")
        statuses = [msgspec.json.decode(event.value, type=PipelineStatus) for event in events]
        told = ["", *(each.state for each in statuses if each.component == "storage")]
    world.eventually(lambda: metric(sink, "petstream_events_in_flight") == 0)
