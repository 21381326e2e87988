"""What a model file is built from: trained weights of the real architectures, and a hub's network from its cache."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import timm
import torch
from torch import nn

from inference.errors import ModelUnusable
from inference.lab.export import export
from inference.lab.parts import part, with_head
from inference.manifest import Manifest, Thresholds
from inference.model import golden, weights
from inference.model.architecture import normalised, trained
from inference.model.backbones import logits, of_hub
from inference.model.file import read_manifest
from inference.model.head import Grouped, Head
from inference.model.recipe import SOURCES, Arch

LITE0: Arch = "efficientnet-lite0"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stand-in for trained weights: random ones."""
    made = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    network = Grouped(timm.create_model(SOURCES[LITE0].timm_model, pretrained=False))
    weights.write(made / f"{LITE0}.safetensors", network.state_dict(), {"arch": LITE0})
    (made / f"{LITE0}.json").write_text('{"format": "petstream.weights/1", "minutes": 3}')
    return made


def test_trained_weights_give_the_scores_of_their_network(folder: Path) -> None:
    made = part(LITE0, folder)
    side = made.input.size
    images = torch.from_numpy(golden.draw(1, side))[None]
    network = Grouped(timm.create_model(SOURCES[LITE0].timm_model, pretrained=False))
    network.load_state_dict(weights.read(folder / f"{LITE0}.safetensors"), strict=False)
    with torch.inference_mode():
        expected = network.eval()(normalised(images)).softmax(1)
        assert torch.allclose(made.network(side)(images), expected, atol=1e-5)
    assert made.provenance["weights"]["arch"] == LITE0
    assert made.provenance["card"]["minutes"] == 3
    assert made.ranges_file == folder / f"{LITE0}.int8.json"
    assert part(LITE0, folder / f"{LITE0}.safetensors").weights_sha256 == made.weights_sha256


def test_weights_of_another_architecture_are_refused(folder: Path) -> None:
    with pytest.raises(ModelUnusable, match="has not the weights of efficientnet-lite2"):
        trained("efficientnet-lite2", folder / f"{LITE0}.safetensors", 260)
    with pytest.raises(ModelUnusable, match="cannot be read as trained weights"):
        part("efficientnet-lite2", folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no card of trained weights"),
        ("[]", "no card of trained weights"),
        ('{"input": {"size": -1}}', "no card of trained weights"),
        ('{"weights_sha256": "other"}', "written for other weights"),
    ],
)
def test_the_card_of_other_weights_and_a_damaged_one_are_refused(
    folder: Path, tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / f"{LITE0}.safetensors"
    file.symlink_to(folder / file.name)
    file.with_suffix(".json").write_text(text)
    with pytest.raises(ModelUnusable, match=rf"lite0.json .*{said}.*Repeat the command of the training"):
        part(LITE0, file)


NAME = "test_efficientnet.r160_in1k"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of a hub that was reached earlier, with one network of random weights."""
    import huggingface_hub.constants as hub_constants

    torch.manual_seed(0)
    network = timm.create_model(NAME.partition(".")[0], pretrained=False)
    snapshot = tmp_path / f"models--timm--{NAME}" / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    (tmp_path / f"models--timm--{NAME}" / "refs").mkdir()
    (tmp_path / f"models--timm--{NAME}" / "refs" / "main").write_text("0123")
    stated: dict[str, Any] = {
        "architecture": NAME.partition(".")[0],
        "num_classes": 1000,
        "pretrained_cfg": {
            "input_size": [3, 160, 160],
            "crop_pct": 0.95,
            "mean": [0.5, 0.4, 0.3],
            "std": [0.25, 0.2, 0.1],
            "num_classes": 1000,
        },
    }
    (snapshot / "config.json").write_text(json.dumps(stated))
    import safetensors.torch

    safetensors.torch.save_file(network.state_dict(), snapshot / "model.safetensors")
    monkeypatch.setattr(hub_constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub_constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    return snapshot


@pytest.mark.usefixtures("hub")
def test_a_network_of_a_hub_is_built_with_a_head_fitted_to_it(tmp_path: Path) -> None:
    found = of_hub(f"hf-hub:timm/{NAME}")
    assert found.input.size == 160
    assert found.input.resize == 168
    images = torch.from_numpy(golden.draw(1, 160))[None]
    network: nn.Module = timm.create_model(NAME.partition(".")[0], pretrained=False)
    network.load_state_dict(found.network.state_dict())
    pixels = images.permute(0, 3, 1, 2).float() / 255
    mean, std = torch.tensor([0.5, 0.4, 0.3])[:, None, None], torch.tensor([0.25, 0.2, 0.1])[:, None, None]
    with torch.inference_mode():
        assert torch.allclose(logits(found, images), network.eval()((pixels - mean) / std), atol=1e-3)
    made = export([with_head(found, Head.of(LITE0), tmp_path / "head.int8.json")], tmp_path / "model.pt")
    manifest: Manifest = read_manifest(made)
    assert manifest.name == f"cat-dog-{NAME}"
    assert manifest.provenance["backbone"]["hub"] == f"hf-hub:timm/{NAME}"


def test_a_network_without_imagenets_classes_is_refused(hub: Path) -> None:
    stated = json.loads((hub / "config.json").read_text())
    torch.manual_seed(0)
    network = timm.create_model(NAME.partition(".")[0], pretrained=False, num_classes=7)
    import safetensors.torch

    safetensors.torch.save_file(network.state_dict(), hub / "model.safetensors")
    (hub / "config.json").write_text(json.dumps(stated | {"num_classes": 7}))
    with pytest.raises(ModelUnusable, match=r"knows 7 classes on 160x160 pixels\. .*in1k"):
        of_hub(f"hf-hub:timm/{NAME}")


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("name", ["hf-hub:timm/absent", "timm/resnet18", "resnet18"])
def test_a_hubs_network_that_cannot_be_had_is_refused_with_what_to_do(name: str) -> None:
    with pytest.raises(ModelUnusable, match=r"Look at the name|write hf-hub:timm/NAME"):
        of_hub(name)


def test_a_part_names_its_threshold() -> None:
    head = msgspec.structs.replace(Head.of(LITE0), accept=0.25)
    assert part(LITE0, "pypi", head).thresholds == Thresholds(accept=0.25)
