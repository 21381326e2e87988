"""Dependencies go away while pictures arrive. Nothing is lost, nothing is blamed on a picture, everything recovers."""

import io

import msgspec
import pytest
from PIL import Image

from streams.contracts import PipelineStatus, decode_classified, decode_rejected
from tests.world import World, metric


@pytest.fixture(scope="module")
def cat(chelsea: bytes) -> bytes:
    picture = Image.open(io.BytesIO(chelsea)).convert("RGB").resize((300, 200))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG")
    return buffer.getvalue()


def upload(world: World, count: int, data: bytes, *, start: int = 0) -> list[str]:
    keys = [f"uploads/ann/{i}.jpg" for i in range(start, start + count)]
    for key in keys:
        world.put(key, data)
    return keys


def assert_account(world: World, keys: list[str]) -> None:
    """Every object has exactly one outcome, and it is the right one."""
    outcomes = world.wait_outcomes(*keys, within_seconds=150)
    assert outcomes == dict.fromkeys(keys, "cat")
    assert len(world.rows("SELECT 1 FROM image_outcomes")) == len(keys)


async def classified(world: World) -> set[str]:
    return {decode_classified(message.value).key for message in await world.events("image-classifications")}


async def test_classification_never_waits_for_the_database(world: World, cat: bytes) -> None:
    _, _, sink = world.start("bridge", "classify", "sink")
    before = upload(world, 5, cat)
    world.wait_outcomes(*before)
    world.stack.postgres.stop()
    try:
        during = upload(world, 15, cat, start=5)
        missing = set(before + during)
        while missing:  # bounded by the test's own time-out
            missing -= await classified(world)
        world.eventually(lambda: (sink.health() or {}).get("status") == "degraded")
        assert "database is away since" in (sink.health() or {})["warnings"][0]
        assert metric(sink, 'petstream_degraded{component="database"}') == 1
    finally:
        world.stack.postgres.start()
    assert_account(world, before + during)
    world.eventually(lambda: (sink.health() or {}).get("status") == "ok")
    assert await world.events("storage-dead-letters") == []
    told = [""]
    while told[-1] != "ok" or "degraded" not in told:  # bounded by the test's own time-out
        events = await world.events("pipeline-status")
        told = [msgspec.json.decode(event.value, type=PipelineStatus).state for event in events]
    assert told[0] == "ok"
    world.eventually(lambda: metric(sink, "petstream_events_in_flight") == 0)


async def test_a_database_that_is_down_at_the_start_is_waited_for(world: World, cat: bytes) -> None:
    world.stack.postgres.stop()
    try:
        _, _, sink = world.start("bridge", "classify", "sink")  # all of them become ready
        keys = upload(world, 5, cat)
        world.eventually(lambda: (sink.health() or {}).get("status") == "degraded", 90)
    finally:
        world.stack.postgres.start()
    assert_account(world, keys)


@pytest.mark.durable
async def test_a_broker_that_restarts_under_load_costs_only_time(world: World, cat: bytes) -> None:
    world.start("bridge", "classify", "sink")
    keys = upload(world, 20, cat)
    world.stack.kafka.kill()
    keys += upload(world, 10, cat, start=20)
    world.stack.kafka.start()
    keys += upload(world, 10, cat, start=30)
    assert_account(world, keys)
    assert await world.events("image-rejections") == []


async def test_processes_that_are_killed_lose_and_double_nothing(world: World, cat: bytes) -> None:
    bridge, classifier, sink = world.start("bridge", "classify", "sink")
    keys = upload(world, 30, cat)
    for worker in (classifier, sink, bridge):
        worker.process.kill()
    keys += upload(world, 10, cat, start=30)
    _, classifier, sink = world.start("bridge", "classify", "sink", wait=False)
    classifier.wait_ready()
    world.eventually(lambda: len(world.outcomes()) >= 5, 90)
    classifier.process.kill()
    sink.process.kill()
    world.start("classify", "sink", wait=False)
    assert_account(world, keys)
    assert await world.events("image-rejections") == []


async def test_a_stopped_classifier_commits_what_it_finished_and_nothing_else(world: World, cat: bytes) -> None:
    _, classifier = world.start("bridge", "classify")
    keys = upload(world, 40, cat)
    world.eventually(lambda: metric(classifier, 'petstream_classifications_total{label="cat"}') >= 5)
    classifier.process.stop(30)
    assert classifier.process.poll() == 0
    committed = sum((await world.committed("petstream-classifier", "image-uploads")).values())
    published = len(await world.events("image-classifications"))
    assert 5 <= committed <= published
    world.start("classify", "sink", wait=False)
    assert_account(world, keys)


async def test_two_classifiers_share_the_work_and_one_may_leave(world: World, cat: bytes) -> None:
    _, first, second, _ = world.start("bridge", "classify", "classify", "sink")
    keys = upload(world, 30, cat)
    world.eventually(lambda: metric(second, 'petstream_events_consumed_total{topic="image-uploads"}') >= 1)
    first.process.stop(30)
    keys += upload(world, 10, cat, start=30)
    assert_account(world, keys)
    rejected = [decode_rejected(message.value) for message in await world.events("image-rejections")]
    assert rejected == []
