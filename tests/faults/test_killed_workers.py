"""Every process is killed while pictures arrive, some of them twice. Nothing is lost, nothing doubled."""

from tests.faults.accounts import assert_account, small, upload
from tests.world import World


async def test_processes_that_are_killed_lose_and_double_nothing(world: World, chelsea: bytes) -> None:
    cat = small(chelsea)
    bridge, classifier, sink = world.start("bridge", "classify", "sink")
    keys = upload(world, 30, cat, "before")
    for worker in (classifier, sink, bridge):
        worker.process.kill()
    keys += upload(world, 10, cat, "during")
    _, classifier, sink = world.start("bridge", "classify", "sink", wait=False)
    world.eventually(lambda: len(world.outcomes()) >= 5)
    classifier.process.kill()
    sink.process.kill()
    world.start("classify", "sink", wait=False)
    assert_account(world, keys)
    assert await world.events("image-rejections") == []
