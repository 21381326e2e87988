"""Networks of a few numbers for what ``export`` builds: a small one that is often unsure, and a large one."""

from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from inference.lab.int8 import Ranges
from inference.lab.parts import Part
from inference.lab.ranges import measure
from inference.manifest import InputSpec
from inference.model.network import Normalise
from inference.model.policy import EVEN

SIDE: Final = 16
SMALL_SIDE: Final = 12
PICTURES: Final = [
    np.random.default_rng(number).integers(0, [1 + 8 * number, 256 - 8 * number, 128], (SIDE, SIDE, 3)).astype(np.uint8)
    for number in range(30)
]
"""From green to red, with those in between that the small network is unsure of."""


class Colours(nn.Module):
    """
    Logits (N, 3) from three convolutions: how red, green and blue a picture is.

    ``sharpness`` multiplies them: the greater, the surer. ``turn`` moves them by one column, so that the answers of two
    networks differ.
    """

    def __init__(self, sharpness: float, *, turn: bool = False) -> None:
        super().__init__()
        first, depthwise, last = nn.Conv2d(3, 9, 3), nn.Conv2d(9, 9, 3, groups=9), nn.Conv2d(9, 12, 1)
        self.body = nn.Sequential(first, nn.ReLU6(), depthwise, nn.ReLU6(), last, nn.ReLU6())
        self.classifier = nn.Linear(12, 3)
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

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.body(pixels).mean((2, 3)))
        return logits


def part(folder: Path, name: str, side: int, network: nn.Module) -> Part:
    """A network as a part of a model file, with its int8 ranges in ``folder``."""
    made = Part(
        name=name,
        normalise=Normalise([127.0] * 3, [128.0] * 3),
        backbone=network.eval(),
        head=nn.Softmax(1),
        input=InputSpec(size=side, resize=side),
        thresholds=EVEN,
        curve=None,
        provenance={"by": "hand"},
        weights_sha256=name,
        ranges_file=folder / f"{name}.int8.json",
    )
    pictures = [each[:side, :side].copy() for each in PICTURES]
    made.ranges_file.write_bytes(measure(made, pictures).to_json())
    assert isinstance(made.ranges(), Ranges)
    return made


def cascade(folder: Path) -> list[Part]:
    """The two networks of a cascade, whose answers differ, for pictures of ``SIDE`` pixels."""
    small = part(folder, "tiny-small", SMALL_SIDE, Colours(1.0))
    return [small, part(folder, "tiny-large", SIDE, Colours(4.0, turn=True))]
