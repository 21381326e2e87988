"""A training that goes on from the weights of an earlier one."""

import json
from pathlib import Path
from typing import Final

import pytest

from inference.errors import ModelUnusable
from inference.lab import start
from inference.lab.start import trained
from inference.manifest import InputSpec
from inference.model import weights
from inference.model.recipe import SOURCES
from tests.tiny_training import TinyNetwork

LITE2: Final = "efficientnet-lite2"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(start, "pretrained", lambda _arch: TinyNetwork())
    monkeypatch.setattr(start, "Grouped", lambda network: network)
    weights.write(tmp_path / f"{LITE2}.safetensors", TinyNetwork().state_dict(), {})
    return tmp_path / f"{LITE2}.safetensors"


def test_it_goes_on_at_the_size_of_the_card(file: Path) -> None:
    assert trained(LITE2, file).input == SOURCES[LITE2].input
    file.with_suffix(".json").write_text(json.dumps({"input": {"size": 224, "resize": 236}}))
    assert trained(LITE2, file).input == InputSpec(size=224, resize=236)


def test_the_card_of_other_weights_is_refused(file: Path) -> None:
    file.with_suffix(".json").write_text(json.dumps({"weights_sha256": "other"}))
    with pytest.raises(ModelUnusable, match=r"lite2.json was written for other weights"):
        trained(LITE2, file)
