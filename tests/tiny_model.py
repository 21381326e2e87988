"""A model of a few bytes with our manifest, quick to load: red is a cat, green a dog, blue neither."""

import json
from pathlib import Path
from typing import Any, Final

import torch

from inference.export import archive

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


class Convolutions(torch.nn.Module):
    """The same by three convolutions and a head, which have something to quantize."""

    def __init__(self) -> None:
        super().__init__()
        first, depthwise, last = (
            torch.nn.Conv2d(3, 9, 3),
            torch.nn.Conv2d(9, 9, 3, groups=9),
            torch.nn.Conv2d(9, 12, 1),
        )
        self.body = torch.nn.Sequential(first, torch.nn.ReLU6(), depthwise, torch.nn.ReLU6(), last, torch.nn.ReLU6())
        self.head = torch.nn.Linear(12, 3)
        torch.manual_seed(0)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(0.02 * torch.randn(parameter.shape))
            for channel in range(9):
                first.weight[channel, channel % 3, 1, 1] += 2
                depthwise.weight[channel, 0, 1, 1] += 1
            for channel in range(12):
                last.weight[channel, channel % 9] += 1
                self.head.weight[channel % 9 % 3, channel] += 0.5

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        pixels = (images.permute(0, 3, 1, 2).float() - 127) / 128
        scores: torch.Tensor = self.head(self.body(pixels).mean((2, 3))).softmax(1)
        return scores


def write(path: Path, module: torch.nn.Module | None = None, **manifest: object) -> Path:
    """Write the model's file; another network may be given, and anything of its manifest otherwise."""
    said = json.dumps(MANIFEST | manifest).encode()
    path.write_bytes(archive((module or Colours()).eval(), SIDE, {"manifest.json": said}))
    return path
