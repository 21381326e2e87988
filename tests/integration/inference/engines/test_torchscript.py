import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from inference.engines.torchscript import TorchScriptEngine

FAULTS = """
import resource, sys
import numpy, torch
from inference.engines.torchscript import TorchScriptEngine
images = [numpy.full((260, 260, 3), number, numpy.uint8) for number in range(8)]
engine = TorchScriptEngine(torch.jit.load(sys.argv[1]), threads=2)
for _ in range(6):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    engine.run(images)
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / len(images))
"""
IMAGES = [np.random.default_rng(n).integers(0, 256, (260, 260, 3), dtype=np.uint8) for n in range(8)]


def scripted(path: Path) -> torch.jit.ScriptModule:
    return torch.jit.load(path)  # type: ignore[no-any-return,no-untyped-call] # torch.jit is partly typed


def test_rows_are_those_of_one_batch(model_file: Path) -> None:
    module = scripted(model_file)
    engine = TorchScriptEngine(module, threads=3)
    with torch.inference_mode():
        expected = module(torch.from_numpy(np.stack(IMAGES))).numpy()
    assert np.abs(engine.run(IMAGES) - expected).max() < 1e-5
    engine.close()


def test_a_picture_costs_no_page_faults(model_file: Path) -> None:
    """In a fresh process, since other tests leave the allocator in other states; 2,000 and more with its defaults."""
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", FAULTS, model_file], check=True, capture_output=True)
    assert float(run.stdout) < 500


def test_the_threads_of_the_application_are_left_alone(model_file: Path) -> None:
    before = torch.get_num_threads()
    engine = TorchScriptEngine(scripted(model_file), threads=2)
    engine.run(IMAGES[:4])
    assert torch.get_num_threads() == before
    engine.close()
