"""Large objects of one user that the store begins to send and never ends hold up others for seconds at most."""

import logging

import pytest

from tests.chaos.plan import pictures
from tests.faults.waiting_behind import seconds_behind
from tests.http_faults import Stalls
from tests.world import World

log = logging.getLogger(__name__)

MEBIBYTE = 1024 * 1024
NUMBER = 80
BOUND_SECONDS = 28.0
"""On a loaded machine. With 8 s for each of the six that have room at a time it was 30 to 60 s and more."""


@pytest.mark.parametrize("sent", [0, 2 * MEBIBYTE], ids=["the head alone", "two parts"])
async def test_objects_that_stop_in_the_middle_hold_up_others_for_seconds(
    world: World, chelsea: bytes, coffee: bytes, sent: int
) -> None:
    stalls = Stalls(stated=31 * MEBIBYTE, sent=sent)
    waited = await seconds_behind(world, pictures(chelsea, coffee)[0][0], NUMBER, stalls)
    log.info("the longest wait was %.1f s", waited)
    assert waited < BOUND_SECONDS
