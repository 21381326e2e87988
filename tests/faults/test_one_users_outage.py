"""A store that fails for all objects of one user, however many, works for the others, and they notice nothing."""

import asyncio

from tests.chaos.plan import pictures
from tests.faults.waiting_behind import seconds_behind
from tests.http_faults import Answers, HttpFaults, Silent
from tests.world import World, metric

REFUSED = 1500
"""Several times as many as are in flight: they fail for seconds with nothing between them that is read."""
SILENT = 700
BOUND_SECONDS = 35.0
"""On a loaded machine; at 8 s for each of those that are in flight at a time it would be 40 s at least."""


async def test_very_many_objects_that_the_store_fails_on_stop_nobody(
    world: World, chelsea: bytes, coffee: bytes
) -> None:
    cat = pictures(chelsea, coffee)[0][0]
    with HttpFaults(str(world.stack.objects.endpoint_url)) as store:
        store.always("refused", Answers(503, "SlowDown"))
        env = {"S3_ENDPOINT_URL": store.url, "RETRY_DELAYS": "30,60,60"}
        (classifier,) = world.start("classify", env=env)
        world.start("bridge", "sink", wait=False)
        world.put("uploads/ben/first.jpg", cat)
        await asyncio.to_thread(world.wait_outcomes, "uploads/ben/first.jpg")
        await world.publish(*(world.notification(f"uploads/ann/refused-{number}.jpg") for number in range(REFUSED)))
        others = [f"uploads/ben/{number}.jpg" for number in range(10)]
        for key in others:
            world.put(key, cat)
        await asyncio.to_thread(world.wait_outcomes, *others)
        assert not [key for key in world.outcomes() if "refused" in key]
        assert metric(classifier, 'petstream_degraded{component="object_store"}') == 0
        world.stop()


async def test_very_many_objects_about_which_the_store_is_silent_hold_up_others_for_seconds(
    world: World, chelsea: bytes, coffee: bytes
) -> None:
    assert await seconds_behind(world, pictures(chelsea, coffee)[0][0], SILENT, Silent()) < BOUND_SECONDS
