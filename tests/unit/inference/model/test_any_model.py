"""Any TorchScript classifier with a manifest is served as it is: other labels, another size, its own normalisation."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inference.classifier import load
from inference.decode import Limits, decode
from inference.errors import ModelUnusable
from inference.model.archive import archive

SIDE = 48
MANIFEST: dict[str, Any] = {
    "format": "petstream.model/1",
    "name": "breeds",
    "version": "2026-11",
    "rev": 7,
    "labels": ["beagle", "tabby", "car", "siamese", "tree"],
    "classes": {"beagle": "dog", "tabby": "cat", "siamese": "cat", "car": "neither", "tree": "neither"},
    "input": {"size": SIDE, "resize": 56},
    "thresholds": {"accept": 0.5},
    "licence": "MIT",
    "provenance": {},
}


class Breeds(torch.nn.Module):
    """Names five colours by a linear layer on the normalised mean: red, green, blue, yellow, black."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]))
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]))
        colours = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 0, 0]])
        self.register_buffer("centres", (colours - self.get_buffer("mean")) / self.get_buffer("deviation"))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        pixels = (images.float() / 255 - self.get_buffer("mean")) / self.get_buffer("deviation")
        distances = (pixels.mean((1, 2))[:, None] - self.get_buffer("centres")[None]).square().sum(2)
        return (-distances).softmax(1)


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    def write(**changes: Any) -> Path:
        path = tmp_path / "breeds.pt"
        path.write_bytes(archive(Breeds().eval(), SIDE, {"manifest.json": json.dumps(MANIFEST | changes).encode()}))
        return path

    return write


@pytest.mark.parametrize("engine", ["torchscript", "openvino"])
def test_a_model_with_five_labels_of_its_own_works_unchanged(
    written: Callable[..., Path], drawn: Callable[..., bytes], engine: Any
) -> None:
    classifier = load(written(), engine=engine, threads=2)
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 0, 0)]
    predictions = classifier.predict([np.full((SIDE, SIDE, 3), colour, np.uint8) for colour in colours])
    assert [p.label for p in predictions] == ["dog", "cat", "neither", "cat", "neither"]
    assert all(p.confidence > 0.99 for p in predictions)
    [from_bytes] = classifier.predict([decode(drawn(size=(90, 70)), classifier.manifest.input, Limits())])
    assert sum((from_bytes.scores.cat, from_bytes.scores.dog, from_bytes.scores.neither)) == pytest.approx(1)
    classifier.close()


def test_columns_of_one_class_are_added_wherever_they_stand(written: Callable[..., Path]) -> None:
    classifier = load(written(), engine="torchscript", threads=1)
    [between] = classifier.predict([np.full((SIDE, SIDE, 3), (128, 255, 0), np.uint8)])
    assert between.scores.cat > 0.99, "half tabby, half siamese: a cat for sure"
    classifier.close()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"classes": {"beagle": "dog", "tabby": "cat", "siamese": "cat", "car": "neither"}}, "what tree is"),
        ({"labels": ["beagle", "tabby", "car", "siamese"]}, "probabilities"),
        ({"labels": ["beagle", "tabby", "car", "siamese", "tree", "cloud"]}, "what cloud is"),
        ({"classes": dict.fromkeys(MANIFEST["labels"], "cat")}, "no label is a dog"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused_with_what_to_do(
    written: Callable[..., Path], changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ModelUnusable, match=said) as refusal:
        load(written(**changes), engine="torchscript", threads=1)
    assert str(refusal.value).endswith(".")
