"""Networks of a few numbers for what ``export`` builds: a small one that is often unsure, and a large one."""

from pathlib import Path
from typing import Final

import numpy as np
from torch import nn

from inference.lab.int8 import Ranges
from inference.lab.parts import Part
from inference.lab.ranges import measure
from inference.manifest import InputSpec
from inference.model.network import Normalise
from inference.model.policy import EVEN
from tests.tiny_model import ColourLogits

SIDE: Final = 16
SMALL_SIDE: Final = 12
PICTURES: Final = [
    np.random.default_rng(number).integers(0, [1 + 8 * number, 256 - 8 * number, 128], (SIDE, SIDE, 3)).astype(np.uint8)
    for number in range(30)
]
"""From green to red, with those in between that the small network is unsure of."""


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
    small = part(folder, "tiny-small", SMALL_SIDE, ColourLogits(1.0))
    return [small, part(folder, "tiny-large", SIDE, ColourLogits(4.0, turn=True))]
