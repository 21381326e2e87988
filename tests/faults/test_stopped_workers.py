"""Classifiers are stopped while pictures arrive. What they finished is committed, and nothing else."""

from functools import partial

from deploy.local.pipeline import Worker
from tests.faults.accounts import assert_account, small, upload
from tests.world import World, metric

CLASSIFIED = 'petstream_classifications_total{label="cat"}'


def has_taken_some(worker: Worker) -> bool:
    return metric(worker, 'petstream_events_consumed_total{topic="image-uploads"}') >= 1


async def test_who_is_stopped_commits_what_it_finished_and_of_two_that_share_the_work_one_may_leave(
    world: World, chelsea: bytes
) -> None:
    cat = small(chelsea)
    _, first = world.start("bridge", "classify")
    keys = upload(world, 40, cat, "alone")
    world.eventually(lambda: metric(first, CLASSIFIED) >= 5)
    assert first.process.stop(60) == 0
    committed = sum((await world.committed("petstream-classifier", "image-uploads")).values())
    published = len(await world.events("image-classifications"))
    assert 5 <= committed <= published

    second, third, _ = world.start("classify", "classify", "sink")
    keys += upload(world, 30, cat, "shared")
    for worker in (second, third):
        world.eventually(partial(has_taken_some, worker))
    assert second.process.stop(60) == 0
    keys += upload(world, 10, cat, "left")
    assert_account(world, keys)
    assert await world.events("image-rejections") == []
