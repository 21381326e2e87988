import importlib
import importlib.metadata
import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from urllib.parse import quote_plus

import pytest
import torch
from PIL import Image

from benchmarks import peers
from tests import tiny_model

FOLDER = Path(peers.__file__).parent
SHARED = ("aiokafka", "boto3", "numpy", "pillow", "torch", "torchvision")


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module as a peer has it: its settings are read when it is imported."""
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "PEER_UPLOADS_TOPIC", "PEER_RESULTS_TOPIC", "PEER_GROUP_ID"):
        monkeypatch.setenv(name, "unused")
    monkeypatch.setenv("MODEL_FILE", str(tiny_model.write(tmp_path / "tiny.pt")))
    yield importlib.import_module("benchmarks.peers.steps")
    del sys.modules["benchmarks.peers.steps"]


def test_the_list_can_be_read_without_anything_that_peers_need() -> None:
    heavy = "{'torch', 'boto3', 'aiokafka', 'faststream', 'quixstreams', 'litserve'}"
    asked = f"import sys, benchmarks.peers; print(len({heavy} & sys.modules.keys()))"
    answer = subprocess.run([sys.executable, "-c", asked], cwd=FOLDER.parents[1], capture_output=True, check=True)
    assert answer.stdout == b"0\n"


def test_every_program_is_a_file_and_the_server_starts_before_its_consumers() -> None:
    found = {peer.name: peer for peer in peers.PEERS}
    assert len(found) == len(peers.PEERS)
    for peer in peers.PEERS:
        assert all((FOLDER / f"{module}.py").exists() for module in filter(None, (peer.server, peer.consumer)))
    assert found["quix"].programs(Path("/x/python")) == (("/x/python", "-m", "benchmarks.peers.quix_app"),)
    assert [argv[-1] for argv in found["litserve"].programs(Path("/x/python"), consumers=2)] == [
        "benchmarks.peers.litserve_server",
        "benchmarks.peers.litserve_app",
        "benchmarks.peers.litserve_app",
    ]


def test_settings_to_be_tried_differ_and_name_only_what_a_program_reads() -> None:
    for peer in peers.PEERS:
        modules = ("steps", peer.consumer, *filter(None, [peer.server]))
        source = "".join((FOLDER / f"{module}.py").read_text() for module in modules)
        assert all(f'"{name}"' in source for setting in peer.settings for name in setting.environment)
        assert len({str(setting) for setting in peer.settings}) == len(peer.settings) > 1


def test_a_setting_says_itself_in_a_line() -> None:
    assert str(peers.Setting({"PEER_BATCH": "8"})) == "1 process, batch 8"
    assert str(peers.Setting({"PEER_TORCH_THREADS": "1"}, consumers=2)) == "2 processes, torch threads 1"


def test_the_version_is_asked_of_the_python_that_runs_the_peer() -> None:
    peer = peers.Peer(name="x", title="x", library="boto3", consumer="x", settings=())
    assert peer.version(Path(sys.executable)) == importlib.metadata.version("boto3")


def test_peers_run_on_the_versions_that_petstream_runs_on() -> None:
    theirs, ours = _locked(FOLDER / "requirements.lock"), _locked(FOLDER.parents[1] / "requirements.lock")
    assert {name: theirs[name] for name in SHARED} == {name: ours[name] for name in SHARED}
    assert {peer.library for peer in peers.PEERS} <= theirs.keys()


@pytest.mark.parametrize("key", ["a b.jpg", "a+b.jpg", "100%.jpg", "é/ü.jpg"])
def test_a_notification_names_its_objects_as_they_are(steps: ModuleType, key: str) -> None:
    record = {"s3": {"bucket": {"name": "pictures"}, "object": {"key": quote_plus(key, safe="/")}}}
    assert list(steps.uploads({"Records": [record, record]})) == [("pictures", key)] * 2


def test_pictures_become_answers_in_order(steps: ModuleType) -> None:
    model = steps.Model()
    pixels = [model.decode(_jpeg(colour)) for colour in ("blue", "lime", "red")]
    assert {tuple(tensor.shape) for tensor in pixels} == {(tiny_model.SIDE, tiny_model.SIDE, 3)}
    together = model.classify(torch.stack(pixels))
    assert [answer.classification for answer in together] == ["neither", "dog", "cat"]
    assert all(0.9 < answer.confidence <= 1 for answer in together)


def test_a_result_names_object_label_and_confidence(steps: ModuleType) -> None:
    assert steps.result("b", "k", steps.Answer("cat", 0.5)) == {
        "bucket": "b",
        "key": "k",
        "classification": "cat",
        "confidence": 0.5,
    }


def _locked(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", path.read_text(), re.MULTILINE))


def _jpeg(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), colour).save(buffer, "JPEG")
    return buffer.getvalue()
