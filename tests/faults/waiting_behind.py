"""How long one user's pictures wait behind very many objects of another user that the store treats badly."""

import asyncio
import time

from tests.http_faults import Behaviour, HttpFaults
from tests.world import World


async def seconds_behind(world: World, picture: bytes, number: int, behaviour: Behaviour) -> float:
    """
    The longest wait of ten pictures that come after ``number`` objects of which the store does ``behaviour``.

    The objects are parked for ten minutes: a picture that is parked with them never arrives in time.
    """
    with HttpFaults(str(world.stack.objects.endpoint_url)) as store:
        store.always("trouble", behaviour)
        world.start("classify", env={"S3_ENDPOINT_URL": store.url, "RETRY_DELAYS": "600,600,600"})
        world.start("sink", wait=False)
        first, *others = (f"uploads/ben/{each}.jpg" for each in range(11))
        for key in (first, *others):
            world.put(key, picture)
        await world.publish(world.notification(first))
        await asyncio.to_thread(world.wait_outcomes, first)
        began = time.monotonic()
        await world.publish(*(world.notification(f"uploads/ann/trouble-{each}.jpg") for each in range(number)))
        await world.publish(*map(world.notification, others))
        await asyncio.to_thread(world.wait_outcomes, *others)
        waited = time.monotonic() - began
        world.stop()
        return waited
