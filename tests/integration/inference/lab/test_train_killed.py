"""A training whose process is killed: what is left on disk is enough to end with the same weights."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from inference.lab.training import Hardware
from tests.inference_fixtures import one_torch_thread
from tests.tiny_training import pictures, trained

ROOT = Path(__file__).parents[4]
PROGRAM = """
import os, signal, sys
from pathlib import Path

import torch

from inference.lab import training
from tests.tiny_training import trained

torch.set_num_threads(1)
training.CHECKPOINT_STEPS = 2
is_killed, workers = sys.argv[3] == "killed", int(sys.argv[4])


def progress(stage, done, total):
    print(stage.partition(",")[0], done, flush=True)
    if is_killed and stage.startswith("fold 2") and done == 3:
        os.kill(os.getpid(), signal.SIGKILL)


hardware = training.Hardware(torch.device("cpu"), workers)
trained(Path(sys.argv[1]), Path(sys.argv[2]), hardware=hardware, progress=progress)
"""

_one_thread = pytest.fixture(autouse=True, scope="module")(one_torch_thread)


def test_a_killed_training_continues_and_ends_with_the_same_bytes_whoever_prepares_its_pictures(tmp_path: Path) -> None:
    table = pictures(tmp_path / "pictures")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    trained(table, whole, hardware=Hardware(torch.device("cpu")))
    assert _in_a_process(table, killed, "killed", workers=0).returncode == -signal.SIGKILL
    assert not (killed / "tiny.safetensors").exists()
    left = sorted(path.name for path in (killed / "work" / "tiny").iterdir())
    assert left == ["0.checkpoint", "1.checkpoint", "features.checkpoint", "lock", "plan.json"]
    # In a process of its own: workers are forked, and this process may have threads of OpenVINO.
    continued = _in_a_process(table, killed, "continued", workers=1)
    assert continued.returncode == 0
    stages = continued.stdout.splitlines()
    assert stages[0] == "fold 2 of 2 3", "the two steps before the checkpoint are not repeated"
    assert (killed / "tiny.safetensors").read_bytes() == (whole / "tiny.safetensors").read_bytes()
    validations = [json.loads((folder / "tiny.json").read_text())["cross_validation"] for folder in (whole, killed)]
    assert validations[0] == validations[1]


def _in_a_process(table: Path, output: Path, name: str, *, workers: int) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", PROGRAM, str(table), str(output), name, str(workers)]
    return subprocess.run(words, cwd=ROOT, timeout=120, check=False, stdout=subprocess.PIPE, text=True)
