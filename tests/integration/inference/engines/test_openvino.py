"""OpenVINO and the default model: what a network of a few numbers cannot show, and what the library does on import."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openvino
import pytest
import torch

from inference.engines.openvino import OpenVinoEngine
from inference.engines.openvino_conversion import convert

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


@pytest.fixture(scope="module")
def converted(model_file: Path) -> openvino.Model:
    return convert(model_file.read_bytes(), 260)


def scripted(path: Path) -> torch.jit.ScriptModule:
    return torch.jit.load(path)  # type: ignore[no-any-return,no-untyped-call] # torch.jit is partly typed


def test_it_sends_no_analytics() -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", CODE], check=True)


def test_scores_do_not_depend_on_the_number_of_threads(converted: openvino.Model, model_file: Path) -> None:
    module = scripted(model_file)
    images = [np.random.default_rng(n).integers(0, 256, (260, 260, 3), dtype=np.uint8) for n in range(5)]
    answers = []
    for threads in (1, 2, 3):
        engine = OpenVinoEngine(converted, threads)
        answers += [engine.run(images), engine.run(images[:1])]
        engine.close()
    with torch.inference_mode():
        expected = module(torch.from_numpy(np.stack(images))).numpy()
    for answer in answers:
        assert np.abs(answer - expected[: len(answer)]).max() < 1e-5


def test_a_batch_that_comes_while_another_runs_does_not_wait_for_its_end(converted: openvino.Model) -> None:
    engine, ended = OpenVinoEngine(converted, 1), list[int]()
    image = np.zeros((260, 260, 3), np.uint8)

    def run(count: int) -> None:
        engine.run([image] * count)
        ended.append(count)

    with ThreadPoolExecutor(2) as pool:
        pool.submit(run, 60)
        pool.submit(run, 1)
    engine.close()
    assert ended == [1, 60]


def test_the_precision_is_that_of_the_file_on_every_processor(converted: openvino.Model) -> None:
    engine = OpenVinoEngine(converted, 1)
    model = engine._lanes.get()._requests[0].get_compiled_model()
    assert model.get_property("INFERENCE_PRECISION_HINT").get_type_name() == "f32"
    engine.close()
