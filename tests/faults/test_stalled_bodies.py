"""Large objects of one user that the store begins to send and never ends hold up others for seconds at most."""

import asyncio
import logging
import time

import pytest

from tests.chaos.plan import pictures
from tests.http_faults import HttpFaults, Stalls
from tests.world import World

log = logging.getLogger(__name__)

MEBIBYTE = 1024 * 1024
NUMBER = 80
BOUND_SECONDS = 20.0
"""On a loaded machine. With 8 s for each of the six that have room at a time it was 30 to 60 s and more."""


@pytest.mark.parametrize("sent", [0, 2 * MEBIBYTE], ids=["the head alone", "two parts"])
async def test_objects_that_stop_in_the_middle_hold_up_others_for_seconds(
    world: World, chelsea: bytes, coffee: bytes, sent: int
) -> None:
    cat = pictures(chelsea, coffee)[0][0]
    with HttpFaults(str(world.stack.objects.endpoint_url)) as store:
        store.always("stalled", Stalls(stated=31 * MEBIBYTE, sent=sent))
        world.start("classify", env={"S3_ENDPOINT_URL": store.url, "RETRY_DELAYS": "3,600,600"})
        world.start("sink", wait=False)
        first, *others = (f"uploads/ben/{number}.jpg" for number in range(11))
        for key in (first, *others):
            world.put(key, cat)
        await world.publish(world.notification(first))
        await asyncio.to_thread(world.wait_outcomes, first)
        began = time.monotonic()
        await world.publish(*(world.notification(f"uploads/ann/stalled-{number}.jpg") for number in range(NUMBER)))
        await world.publish(*map(world.notification, others))
        await asyncio.to_thread(world.wait_outcomes, *others)
        waited = time.monotonic() - began
        log.info("the longest wait was %.1f s", waited)
        assert waited < BOUND_SECONDS
        world.stop()
