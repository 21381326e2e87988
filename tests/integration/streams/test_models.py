"""Models change while the pipeline runs: a good one takes over, a bad one changes nothing, a shadow only compares."""

import shutil
from pathlib import Path

from inference.engines.lanes import LANES
from streams.contracts import decode_classified
from streams.model_artifact import exported
from tests import sabotage
from tests.sabotage import Sabotage
from tests.world import World, metric


async def test_a_new_model_takes_over_between_batches_and_a_bad_file_does_not(
    world: World, quick_model: Path, chelsea: bytes, tmp_path: Path
) -> None:
    served, other = tmp_path / "model.pt", exported("efficientnet-lite0", None, lambda _line: None)
    shutil.copyfile(quick_model, served)
    _, classifier, _ = world.start(
        "bridge", "classify", "sink", env={"MODEL_URI": str(served), "MODEL_POLL_SECONDS": "1"}
    )

    async def model_of(key: str) -> str:
        identity = world.put(key, chelsea)
        world.wait_outcomes(key)
        events = [decode_classified(m.value) for m in await world.events("image-classifications")]
        (event,) = [event for event in events if event.id == identity]
        return event.model.name

    assert await model_of("uploads/ann/1.png") == "cat-dog-efficientnet-lite2"

    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"not a model")
    garbage.replace(served)
    world.eventually(lambda: metric(classifier, 'petstream_model_swaps_total{outcome="refused"}') == 1)
    assert await model_of("uploads/ann/2.png") == "cat-dog-efficientnet-lite2"

    fresh = tmp_path / "fresh"
    shutil.copyfile(other, fresh)
    fresh.replace(served)
    world.eventually(lambda: metric(classifier, 'petstream_model_swaps_total{outcome="swapped"}') == 1)
    assert await model_of("uploads/ann/3.png") == "cat-dog-efficientnet-lite0"  # of another input size, too
    assert (classifier.health() or {})["model"]["name"] == "cat-dog-efficientnet-lite0"


def test_while_one_batch_is_judged_the_next_one_begins(world: World, chelsea: bytes, tmp_path: Path) -> None:
    engine = Sabotage(tmp_path, sabotage.ENGINE)
    (classifier,) = world.start("classify", env={"BATCH_MAX_SIZE": "1", **engine.env})
    world.start("bridge", "sink")
    engine.do()
    keys = [f"uploads/ann/{i}.png" for i in range(4)]
    for key in keys:
        world.put(key, chelsea)
    world.eventually(lambda: metric(classifier, "petstream_decode_duration_seconds_count") == len(keys))
    world.eventually(lambda: metric(classifier, "petstream_batch_size_images_count") == LANES)
    engine.mend()
    assert set(world.wait_outcomes(*keys).values()) == {"cat"}
    assert metric(classifier, "petstream_batch_size_images_count") == len(keys)


def test_a_shadow_reports_agreement_and_publishes_nothing(world: World, quick_model: Path, chelsea: bytes) -> None:
    _, classifier, _ = world.start("bridge", "classify", "sink", env={"MODEL_SHADOW_URI": str(quick_model)})
    keys = [f"uploads/ann/{i}.png" for i in range(6)]
    for key in keys:
        world.put(key, chelsea)
    world.wait_outcomes(*keys)
    world.eventually(lambda: metric(classifier, 'petstream_shadow_images_total{outcome="agree"}') >= 1)
    assert metric(classifier, 'petstream_shadow_images_total{outcome="disagree"}') == 0
    assert metric(classifier, 'petstream_classifications_total{label="cat"}') == len(keys)
