"""Any number of pictures that hang or kill their decoder hold up a healthy one for seconds at most."""

import io
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from deploy.local.pipeline import Worker
from tests import sabotage
from tests.chaos.plan import pictures
from tests.sabotage import Sabotage
from tests.world import World, metric

log = logging.getLogger(__name__)

NUMBER = 20
HANG_SECONDS = 4
"""In the second attempt, each: four seconds on the clock for one of processor time."""
LONGEST_SECONDS = 10.0 + 20.0
"""What a healthy one may wait, and what forty interpreters take that start on a busy machine."""


def jpeg(side: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(buffer, "JPEG")
    return buffer.getvalue()


async def test_healthy_pictures_and_parked_ones_pass_twenty_that_hang_and_twenty_that_kill(
    world: World, chelsea: bytes, coffee: bytes, tmp_path: Path
) -> None:
    cat = pictures(chelsea, coffee)[0][0]
    env = {"DECODE_WORKERS": "2", "DECODE_MAX_SECONDS": "1", "RETRY_DELAYS": "5,6,7"} | Sabotage(
        tmp_path, sabotage.KILLERS
    ).env
    world.start("bridge", "sink", wait=False)
    (worker,) = world.start("classify", env=env)
    hostile = [(f"uploads/eve/{name}-{i}.jpg", jpeg(side)) for i in range(NUMBER) for name, side in SIDES.items()]
    healthy = [(f"uploads/ann/{i}.jpg", cat) for i in range(NUMBER)]
    gone = "uploads/ann/gone.jpg"
    began = time.monotonic()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda each: world.put(*each), [*hostile, *healthy]))
    world.wait_outcomes(*(key for key, _ in healthy))
    waited = time.monotonic() - began
    log.info("the longest wait of %d healthy pictures was %.1f s", len(healthy), waited)
    assert waited < LONGEST_SECONDS
    # On a busy machine a healthy one, too: while pictures hang, 0.3 s on the clock are all that each has at first.
    world.eventually(lambda: parked(worker, "decoder_crashed") >= 2 * NUMBER)
    await world.publish(world.notification(gone))
    world.eventually(lambda: parked(worker, "missing") == 1)
    outcomes = world.wait_outcomes(gone)
    assert outcomes[gone] == "missing"  # after its second attempt
    suspects = [key for key, _ in hostile if key in outcomes]
    assert len(suspects) < NUMBER, "a parked picture had to wait for those that hang"
    world.stop()


def test_a_slow_picture_does_not_wait_behind_those_that_hang_again(world: World, tmp_path: Path) -> None:
    env = {"DECODE_WORKERS": "2", "RETRY_DELAYS": "1,2,600"} | Sabotage(tmp_path, sabotage.KILLERS).env
    world.start("bridge", "sink", wait=False)
    (worker,) = world.start("classify", env=env)
    for number in range(HANGING):
        world.put(f"uploads/eve/{number}.jpg", jpeg(SIDES["hangs"]))
    world.eventually(lambda: parked(worker, "decoder_crashed") == HANGING)
    world.put("uploads/ann/slow.jpg", jpeg(SLOW_SIDE))
    outcomes = world.wait_outcomes("uploads/ann/slow.jpg", within_seconds=SLOW_WITHIN_SECONDS)
    assert outcomes == {"uploads/ann/slow.jpg": "not_a_pet"}
    assert parked(worker, "decoder_crashed") >= HANGING + 1, "it was not slow enough"
    world.stop()


HANGING = 2
SLOW_SIDE = 9
SLOW_WITHIN_SECONDS = 50.0
"""3 s for each that hangs, and a busy machine. With all the time that a picture may take for each it would be 160 s."""

SIDES = {"hangs": 5, "kills": 7}
"""Of the picture, in pixels: see sabotage.KILLERS."""


def parked(worker: Worker, reason: str) -> float:
    return metric(worker, f'petstream_uploads_parked_total{{reason="{reason}",topic="image-uploads-retry-1m"}}')
