"""Models change while the pipeline runs: a good one takes over, a bad one changes nothing, a shadow only compares."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.pipeline import Worker
from inference.engines.lanes import LANES
from streams.contracts import decode_classified
from tests import sabotage
from tests.sabotage import Sabotage
from tests.tiny_model import SIDE, write_photographs
from tests.world import World, metric

Serve = Callable[..., Worker]


@pytest.fixture(scope="module")
def unserved(module_world: World) -> World:
    """A pipeline that lacks its classifier."""
    module_world.start("bridge", "sink")
    return module_world


@pytest.fixture
def serve(unserved: World) -> Iterator[Serve]:
    """Starts the classifier with settings of the test's; it leaves at the end, for the next one."""
    started: list[Worker] = []

    def start(env: dict[str, str]) -> Worker:
        started.extend(unserved.start("classify", env=env))
        return started[-1]

    yield start
    for each in started:
        each.process.stop(60)


async def test_a_new_model_takes_over_between_batches_and_a_bad_file_does_not(
    unserved: World, serve: Serve, upload_prefix: str, chelsea: bytes, tmp_path: Path
) -> None:
    served, other = tmp_path / "model.pt", write_photographs(tmp_path / "other.pt", name="larger", side=2 * SIDE)
    shutil.copyfile(unserved.env["MODEL_URI"], served)
    classifier = serve({"MODEL_URI": str(served), "MODEL_POLL_SECONDS": "1"})

    async def model_of(name: str) -> str:
        identity = unserved.put(upload_prefix + name, chelsea)
        unserved.wait_outcomes(upload_prefix + name)
        events = [decode_classified(m.value) for m in await unserved.events("image-classifications")]
        (event,) = [event for event in events if event.id == identity]
        return event.model.name

    assert await model_of("1.png") == "photographs"

    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"not a model")
    garbage.replace(served)
    unserved.eventually(lambda: metric(classifier, 'petstream_model_swaps_total{outcome="refused"}') == 1)
    assert await model_of("2.png") == "photographs"

    other.replace(served)
    unserved.eventually(lambda: metric(classifier, 'petstream_model_swaps_total{outcome="swapped"}') == 1)
    assert await model_of("3.png") == "larger"  # its input is of another size, too
    assert (classifier.health() or {})["model"]["name"] == "larger"


def test_while_one_batch_is_judged_the_next_one_begins(
    unserved: World, serve: Serve, upload_prefix: str, chelsea: bytes, tmp_path: Path
) -> None:
    engine = Sabotage(tmp_path, sabotage.ENGINE)
    classifier = serve({"BATCH_MAX_SIZE": "1", **engine.env})
    engine.do()
    keys = [f"{upload_prefix}{i}.png" for i in range(4)]
    for key in keys:
        unserved.put(key, chelsea)
    unserved.eventually(lambda: metric(classifier, "petstream_decode_duration_seconds_count") == len(keys))
    unserved.eventually(lambda: metric(classifier, "petstream_batch_size_images_count") == LANES)
    engine.mend()
    outcomes = unserved.wait_outcomes(*keys)
    assert {outcomes[key] for key in keys} == {"cat"}
    assert metric(classifier, "petstream_batch_size_images_count") == len(keys)


def test_a_shadow_reports_agreement_and_publishes_nothing(
    unserved: World, serve: Serve, upload_prefix: str, quick_model: Path, chelsea: bytes
) -> None:
    classifier = serve({"MODEL_SHADOW_URI": str(quick_model)})
    keys = [f"{upload_prefix}{i}.png" for i in range(6)]
    for key in keys:
        unserved.put(key, chelsea)
    unserved.wait_outcomes(*keys)
    unserved.eventually(lambda: metric(classifier, 'petstream_shadow_images_total{outcome="agree"}') >= 1)
    unserved.eventually(lambda: metric(classifier, 'petstream_classifications_total{label="cat"}') == len(keys))
    assert metric(classifier, 'petstream_shadow_images_total{outcome="disagree"}') == 0
