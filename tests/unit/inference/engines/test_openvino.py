import queue
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openvino
import pytest
import torch
from numpy.typing import NDArray

from inference.engines.lanes import LANES
from inference.engines.openvino import OpenVinoEngine
from inference.engines.openvino_conversion import convert
from tests import tiny_model

SIDE = tiny_model.SIDE

CODE = """
import socket
def refuse(*_, **__):
    raise SystemExit("opened a connection")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
import inference.engines.openvino, sys
assert "openvino_telemetry.main" not in sys.modules
import openvino
assert "stub" in openvino.tools.ovc.telemetry_utils.tm.__name__
"""


@pytest.fixture
def tiny(tmp_path: Path) -> openvino.Model:
    return convert(tiny_model.write(tmp_path / "tiny.pt").read_bytes(), SIDE)


def scripted(path: Path) -> torch.jit.ScriptModule:
    return torch.jit.load(path)  # type: ignore[no-any-return,no-untyped-call] # torch.jit is partly typed


def test_openvino_sends_no_analytics() -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", CODE], check=True)


def test_scores_do_not_depend_on_the_number_of_threads(model_file: Path) -> None:
    model, module = convert(model_file.read_bytes(), 260), scripted(model_file)
    images = [np.random.default_rng(n).integers(0, 256, (260, 260, 3), dtype=np.uint8) for n in range(5)]
    answers = []
    for threads in (1, 2, 3):
        engine = OpenVinoEngine(model, threads)
        answers += [engine.run(images), engine.run(images[:1])]
        engine.close()
    with torch.inference_mode():
        expected = module(torch.from_numpy(np.stack(images))).numpy()
    for answer in answers:
        assert np.abs(answer - expected[: len(answer)]).max() < 1e-5


def test_a_batch_that_comes_while_another_runs_does_not_wait_for_its_end(model_file: Path) -> None:
    engine, ended = OpenVinoEngine(convert(model_file.read_bytes(), 260), 1), list[int]()
    image = np.zeros((260, 260, 3), np.uint8)

    def run(count: int) -> None:
        engine.run([image] * count)
        ended.append(count)

    with ThreadPoolExecutor(2) as pool:
        pool.submit(run, 60)
        pool.submit(run, 1)
    engine.close()
    assert ended == [1, 60]


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


def test_the_precision_is_that_of_the_file_on_every_processor(model_file: Path) -> None:
    engine = OpenVinoEngine(convert(model_file.read_bytes(), 260), 1)
    model = engine._lanes.get()._requests[0].get_compiled_model()
    assert model.get_property("INFERENCE_PRECISION_HINT").get_type_name() == "f32"
    engine.close()
