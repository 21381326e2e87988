"""A worker that has work and gets none done fails its liveness until it does; an idle one lives. See liveness.py."""

from collections.abc import Iterator

import pytest

from deploy.local.pipeline import Worker
from streams.classify.opening import CLIENT_OPTIONS
from streams.kafka import publisher
from streams.runtime import settings
from tests import sabotage
from tests.chaos.plan import pictures
from tests.faults.liveness import BOUND_SECONDS, BOUNDS, PATIENCE_SECONDS, failures, live_for
from tests.sabotage import Sabotage
from tests.world import World

STUCK = {
    "frozen engine": (sabotage.ENGINE, "in flight"),
    "blocked event loop": (sabotage.EVENT_LOOP, "event loop has not turned"),
    "partitions that bring nothing": (sabotage.FETCHER, "waiting"),
}


@pytest.fixture(scope="module")
def cat(chelsea: bytes, coffee: bytes) -> bytes:
    return pictures(chelsea, coffee)[0][0]


@pytest.fixture(scope="module")
def sabotaged(module_world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[Sabotage, Worker]:
    """A classifier that can be broken in each of these ways, one after the other."""
    parts = [part for part, _ in STUCK.values()]
    broken = Sabotage(tmp_path_factory.mktemp("sabotage"), *parts, sabotage.QUICK_LOOKS)
    (worker,) = module_world.start("classify", env={**BOUNDS, **broken.env}, wait=False)
    module_world.start("bridge", "sink", wait=False)
    worker.wait_ready()
    return broken, worker


@pytest.fixture(autouse=True)
def _mended(sabotaged: tuple[Sabotage, Worker]) -> Iterator[None]:
    yield
    sabotaged[0].mend()


def test_an_idle_worker_lives_however_stuck_it_would_be(
    module_world: World, cat: bytes, sabotaged: tuple[Sabotage, Worker]
) -> None:
    broken, worker = sabotaged
    module_world.put("uploads/ann/before.jpg", cat)
    module_world.wait_outcomes("uploads/ann/before.jpg")
    broken.do()
    live_for(2 * BOUND_SECONDS, worker)


@pytest.mark.parametrize("way", STUCK)
def test_a_worker_that_has_work_and_gets_none_done_fails_until_it_does(
    module_world: World, cat: bytes, sabotaged: tuple[Sabotage, Worker], way: str
) -> None:
    broken, worker = sabotaged
    part, says = STUCK[way]
    keys: list[str] = []

    def is_stuck() -> bool:
        if set(keys) <= module_world.outcomes().keys():  # the last one slipped through, by a fetch that had begun
            keys.append(f"uploads/ann/{way}-{len(keys)}.jpg")
            module_world.put(keys[-1], cat)
        return says in failures(worker)

    broken.do(part)
    module_world.eventually(is_stuck, PATIENCE_SECONDS)
    broken.mend(part)
    outcomes = module_world.wait_outcomes(*keys)
    assert {key: outcomes[key] for key in keys} == dict.fromkeys(keys, "cat")
    module_world.eventually(lambda: failures(worker) == "")


def test_the_bounds_are_settings_with_documented_defaults_and_clients_give_up_well_before_them() -> None:
    fields = settings.ServiceSettings.model_fields
    assert (fields["no_progress_seconds"].default, fields["loop_silence_seconds"].default) == (180, 30)
    assert publisher.REQUEST_TIMEOUT_MS == 30_000
    assert CLIENT_OPTIONS["read_timeout"] == 30
