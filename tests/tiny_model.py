"""
Models of a few bytes with our manifest, quick to load: red is a cat, green a dog, blue neither.

Where the model is not the subject, workers serve the one that knows the tests' photographs.
"""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from inference.engines import openvino_network
from inference.engines.openvino_conversion import convert
from inference.model import golden
from inference.model.archive import archive
from inference.model.file import NETWORK_FILES, with_files

SIDE = 16


MANIFEST: Final[dict[str, Any]] = {
    "format": "petstream.model/1",
    "name": "colours",
    "version": "1",
    "rev": 1,
    "labels": ["red", "green", "blue"],
    "classes": {"red": "cat", "green": "dog", "blue": "neither"},
    "input": {"size": SIDE, "resize": SIDE},
    "thresholds": {"accept": 0.5},
    "licence": "none",
    "provenance": {},
}


class Colours(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return (images.float().mean((1, 2)) / 16).softmax(1)


class ColourLogits(torch.nn.Module):
    """
    Logits (N, 3) from three convolutions: how red, green and blue a picture is. There is something to quantize.

    ``sharpness`` multiplies them: the greater, the surer. ``turn`` moves them by one column, so that the answers of two
    networks differ.
    """

    def __init__(self, sharpness: float, *, turn: bool = False) -> None:
        super().__init__()
        first, depthwise, last = (
            torch.nn.Conv2d(3, 9, 3),
            torch.nn.Conv2d(9, 9, 3, groups=9),
            torch.nn.Conv2d(9, 12, 1),
        )
        self.body = torch.nn.Sequential(first, torch.nn.ReLU6(), depthwise, torch.nn.ReLU6(), last, torch.nn.ReLU6())
        self.classifier = torch.nn.Linear(12, 3)
        torch.manual_seed(0)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(0.02 * torch.randn(parameter.shape))
            for channel in range(9):
                first.weight[channel, channel % 3, 1, 1] += 2
                depthwise.weight[channel, 0, 1, 1] += 1
            for channel in range(12):
                last.weight[channel, channel % 9] += 1
                self.classifier.weight[(channel % 9 + turn) % 3, channel] += sharpness

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.classifier(self.body(pixels).mean((2, 3)))
        return logits


class Convolutions(torch.nn.Module):
    """The same as ``Colours``, by convolutions and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = ColourLogits(0.5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.logits((images.permute(0, 3, 1, 2).float() - 127) / 128).softmax(1)
        return scores


def write(path: Path, module: torch.nn.Module | None = None, **manifest: object) -> Path:
    """Write the model's file; another network may be given, and anything of its manifest otherwise."""
    said = json.dumps(MANIFEST | manifest).encode()
    path.write_bytes(archive((module or Colours()).eval(), SIDE, {"manifest.json": said}))
    return path


class Photographs(torch.nn.Module):
    """Chelsea's fur is a cat's, a cup of coffee is neither: told apart by the mean of green."""

    BORDER = 98.0
    """Between the two: 111 and 86 of 255, over the whole pictures."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        red, green, _ = images.float().mean((1, 2)).unbind(1)
        return torch.stack([green - self.BORDER, green - red - 20, self.BORDER - green], 1).softmax(1)


def write_photographs(path: Path, *, name: str = "photographs", side: int = SIDE) -> Path:
    """The model of ``Photographs``, with its network in OpenVINO's format: a worker starts without torch."""
    torchscript = archive(Photographs().eval(), side, {})
    images = np.stack(golden.drawn(side))
    with torch.inference_mode():
        scores = Photographs()(torch.from_numpy(images)).double().tolist()
    said = MANIFEST | {
        "name": name,
        "input": {"size": side, "resize": side},
        "network": "openvino-int8",
        "labels": ["cat", "dog", "neither"],
        "classes": {label: label for label in ("cat", "dog", "neither")},
        "golden": [{"pattern": number, "scores": row} for number, row in enumerate(scores)],
    }
    network = openvino_network.written(convert(torchscript, side))
    files = {"manifest.json": json.dumps(said).encode(), **dict(zip(NETWORK_FILES, network, strict=True))}
    path.write_bytes(with_files(torchscript, files))
    return path
