"""OpenVINO's worker never loads torch: it has its network, or a process of its own converts and reports a bad file."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from inference import subprocesses
from inference.classifier import load
from inference.engines.openvino_conversion import converted
from inference.errors import ModelUnusable, NotTorchScript
from tests import tiny_model

WITHOUT_TORCH = """
import json, sys
import numpy as np
from inference.classifier import load
from pathlib import Path
classifier = load(Path(sys.argv[1]), engine="openvino", threads=2)
side = classifier.manifest.input.size
images = [np.random.default_rng(n).integers(0, 256, (side, side, 3), dtype=np.uint8) for n in range(3)]
scores = [[each.scores.cat, each.scores.dog, each.scores.neither] for each in classifier.predict(images)]
classifier.close()
converts = "inference.engines.openvino_conversion" in sys.modules
print(json.dumps({"torch": "torch" in sys.modules, "converts": converts, "scores": scores}))
"""


@pytest.fixture
def _no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a worker, where nothing else has loaded it."""
    monkeypatch.setattr("inference.engines.openvino_conversion.torch_is_loaded", lambda: False)


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_worker_without_torch_gives_the_very_same_scores(model_file: Path, tmp_path: Path, *, is_ours: bool) -> None:
    path = model_file if is_ours else tiny_model.write(tmp_path / "model.pt", tiny_model.Convolutions())
    program = [sys.executable, "-c", WITHOUT_TORCH, str(path)]
    done = subprocess.run(program, capture_output=True, text=True, check=True, timeout=120)
    answer = json.loads(done.stdout)
    assert not answer["torch"]
    assert answer["converts"] is not is_ours
    here = load(path, engine="openvino", threads=2)
    side = here.manifest.input.size
    images = [np.random.default_rng(n).integers(0, 256, (side, side, 3), dtype=np.uint8) for n in range(3)]
    assert [[each.scores.cat, each.scores.dog, each.scores.neither] for each in here.predict(images)] == answer[
        "scores"
    ]
    here.close()


@pytest.mark.usefixtures("_no_torch")
def test_what_torch_cannot_read_is_reported_in_torchs_words() -> None:
    with pytest.raises(NotTorchScript, match="RuntimeError: "):
        converted(b"no archive", 16)


@pytest.mark.usefixtures("_no_torch")
def test_what_openvino_cannot_take_is_reported_in_its_words(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    tiny_model.write(path)
    with pytest.raises(RuntimeError, match="Error"):
        converted(path.read_bytes(), -1)


@pytest.mark.usefixtures("_no_torch")
def test_a_process_that_is_killed_is_no_bad_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tiny_model.write(tmp_path / "model.pt")
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\nexport -p > {tmp_path}/environment\nkill -9 $$\n")
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(program))
    monkeypatch.setenv("DATABASE_PASSWORD", "of the parent")
    with pytest.raises(ModelUnusable, match=r"engine openvino cannot take .* the conversion process ended with -9"):
        load(path, engine="openvino")
    assert "of the parent" not in (tmp_path / "environment").read_text()


@pytest.mark.usefixtures("_no_torch")
def test_a_folder_of_that_name_where_it_was_started_is_not_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inference").mkdir()
    (tmp_path / "inference" / "__init__.py").write_text("raise SystemExit('another one')")
    monkeypatch.chdir(tmp_path)
    load(tiny_model.write(tmp_path / "model.pt"), engine="openvino", threads=1).close()


def converting(path: Path, room: Path) -> "subprocess.Popen[bytes]":
    environment = subprocesses.search_path() | {"TMPDIR": str(room)}
    command = subprocesses.command("inference.engines.openvino_conversion", str(tiny_model.SIDE))
    with path.open("rb") as file:
        return subprocess.Popen(command, env=environment, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("parent", ["waits", "is killed"])
def test_nothing_is_left_behind(parent: str, tmp_path: Path) -> None:
    path = tiny_model.write(tmp_path / "model.pt")
    room = tmp_path / "room"
    room.mkdir()
    process = converting(path, room)
    assert process.stdout is not None
    if parent == "is killed":
        process.stdout.close()  # all that the child sees of it
    _, said = process.communicate(timeout=150)
    assert list(room.iterdir()) == []
    assert (process.returncode == 0) is (parent == "waits"), said
