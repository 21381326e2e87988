import queue
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
from numpy.typing import NDArray

from inference.engines.lanes import LANES
from inference.engines.openvino import OpenVinoEngine
from inference.engines.openvino_conversion import convert
from tests import tiny_model

SIDE = tiny_model.SIDE


@pytest.fixture
def tiny(tmp_path: Path) -> openvino.Model:
    return convert(tiny_model.write(tmp_path / "tiny.pt").read_bytes(), SIDE)


def test_batches_that_run_at_a_time_get_their_own_scores(tiny: openvino.Model) -> None:
    engine = OpenVinoEngine(tiny, 2)
    random = np.random.default_rng(0)
    batches = [list(random.integers(0, 256, (size, SIDE, SIDE, 3), dtype=np.uint8)) for size in range(1, 40)]
    expected = [engine.run(batch) for batch in batches]
    with ThreadPoolExecutor(2) as pool:
        for actual, alone in zip(pool.map(engine.run, batches), expected, strict=True):
            assert np.array_equal(actual, alone)
    engine.close()


@pytest.mark.parametrize("position", [0, 1, 2, 5])
def test_a_batch_that_failed_half_way_leaves_the_next_ones_unharmed(tiny: openvino.Model, position: int) -> None:
    engine = OpenVinoEngine(tiny, 2)
    good = list(np.random.default_rng(0).integers(0, 256, (8, SIDE, SIDE, 3), dtype=np.uint8))
    expected = engine.run(good)
    bad: list[NDArray[np.uint8]] = [*good[:position], np.zeros((SIDE + 1, SIDE, 3), np.uint8), *good]
    for _ in range(2 * LANES):
        with pytest.raises(RuntimeError):
            engine.run(bad)
    for size in (1, 8) * LANES:
        assert np.array_equal(engine.run(good[:size]), expected[:size])
    engine.close()


def test_a_closed_engine_refuses_pictures_and_may_be_closed_again(tiny: openvino.Model) -> None:
    engine = OpenVinoEngine(tiny, 2)
    engine.close()
    engine.close()
    with pytest.raises(queue.Empty):
        engine.run([np.zeros((SIDE, SIDE, 3), np.uint8)])


def test_a_processor_without_bfloat16_computes_in_float32_and_says_so(
    tiny: openvino.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Old(openvino.Core):  # type: ignore[misc] # OpenVINO ships no types
        def get_property(self, *names: str) -> Any:
            found = super().get_property(*names)
            return [each for each in found if each != "BF16"] if names[-1] == "OPTIMIZATION_CAPABILITIES" else found

    monkeypatch.setattr(openvino, "Core", Old)
    images = [np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)]
    exact, engine = OpenVinoEngine(tiny, 1), OpenVinoEngine(tiny, 1, network="openvino-bfloat16")
    assert engine.notes == ["this processor has no bfloat16: computing in float32"]
    assert engine.name == "openvino cpu bfloat16"
    assert np.array_equal(engine.run(images), exact.run(images))
    assert exact.notes == []
    engine.close()
    exact.close()


def test_one_network_defers_nothing(tiny: openvino.Model) -> None:
    engine = OpenVinoEngine(tiny, 1)
    assert not engine.defers
    with pytest.raises(ValueError, match="defers nothing"):
        engine.run_deferred([])
    engine.close()
