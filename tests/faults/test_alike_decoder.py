"""If everything fails the same way it is an outage, whatever the code says; and one user's heap of junk is none."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.pipeline import Worker
from tests import sabotage
from tests.chaos.plan import pictures
from tests.faults.alike import GUARDED, MANY, Guarded, retries, warnings
from tests.sabotage import Sabotage
from tests.world import World, metric


@pytest.fixture(scope="module")
def guarded(module_world: World, chelsea: bytes, coffee: bytes) -> Guarded:
    module_world.start("bridge", "sink", wait=False)
    return Guarded(module_world, pictures(chelsea, coffee)[0][0])


@pytest.fixture(scope="module")
def breakable(guarded: Guarded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sabotage, Worker]]:
    broken = Sabotage(Path(tmp_path_factory.mktemp("sabotage")), sabotage.DECODER)
    (worker,) = guarded.world.start("classify", env={**GUARDED, **broken.env})
    yield broken, worker
    broken.mend()


@pytest.mark.parametrize("before", [0, 5], ids=["cold", "warm"])
async def test_a_decoder_that_broke_rejects_nothing_and_when_it_is_mended_all_are_classified(
    guarded: Guarded, breakable: tuple[Sabotage, Worker], before: int
) -> None:
    broken, worker = breakable
    world, state = guarded.world, "warm" if before else "cold"
    keys = guarded.put(guarded.cat, before, f"{state}-before")
    world.wait_outcomes(*keys)
    broken.do()
    keys += guarded.put(guarded.cat, MANY, f"{state}-during")
    guarded.wait_doubted(worker, "nothing is rejected since")
    assert "the decoder refuses a good JPEG, too" in warnings(worker)
    assert metric(worker, 'petstream_degraded{component="guard"}') == 1
    assert await guarded.rejected() == []
    broken.mend()
    guarded.assert_cats(keys)
    world.eventually(lambda: warnings(worker) == "[]")
    assert await guarded.rejected() == []


async def test_a_heap_of_junk_by_one_user_is_a_heap_of_rejections_and_nobody_waits(
    guarded: Guarded, breakable: tuple[Sabotage, Worker]
) -> None:
    _, worker = breakable
    tried = retries(worker)
    junk = guarded.put(b"Dear diary, no picture at all.\n" * 9, MANY, "diary")
    junk += guarded.put(guarded.cat[:-900], MANY, "torn")
    good = guarded.put(guarded.cat, 3, "good")
    outcomes = guarded.world.wait_outcomes(*junk, *good)
    assert [outcomes[key] for key in junk] == ["unsupported_format"] * MANY + ["undecodable"] * MANY
    assert [outcomes[key] for key in good] == ["cat"] * 3
    assert retries(worker) == tried
