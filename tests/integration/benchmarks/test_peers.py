"""The steps that all peers share, and what is asked of the Python that runs one."""

import importlib
import importlib.metadata
import io
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


def test_the_version_is_asked_of_the_python_that_runs_the_peer() -> None:
    peer = peers.Peer(name="x", title="x", library="boto3", consumer="x", settings=())
    assert peer.version(Path(sys.executable)) == importlib.metadata.version("boto3")


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


def _jpeg(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), colour).save(buffer, "JPEG")
    return buffer.getvalue()
