"""A key pattern that fits no key fails every picture alike: an outage, until somebody says that it is meant."""

from tests.chaos.plan import pictures
from tests.faults.alike import GUARDED, MANY, Guarded
from tests.world import World

WRONG = {"S3_KEY_PATTERN": "elsewhere/{user_name}/{name}"}


async def test_a_key_pattern_that_fits_no_key_is_an_outage_until_somebody_says_that_it_is_meant(
    world: World, chelsea: bytes, coffee: bytes
) -> None:
    guarded = Guarded(world, pictures(chelsea, coffee)[0][0])
    keys = guarded.put(guarded.cat, MANY, "during")
    _, worker, _ = world.start("bridge", "classify", "sink", env={**WRONG, **GUARDED, "SHUTDOWN_SECONDS": "1"})
    guarded.wait_doubted(worker, "pictures are all no_user")
    assert await guarded.rejected() == ["no_user"] * 9
    worker.process.stop(30)
    world.start("classify", env={**WRONG, "ALIKE_REJECTIONS_MAX": "0"}, wait=False)
    assert world.wait_outcomes(*keys) == dict.fromkeys(keys, "no_user")
