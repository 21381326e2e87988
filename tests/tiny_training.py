"""A training of a second: pictures of noise in three colours, and a network of a few hundred numbers."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from inference.lab.start import Start
from inference.lab.train import Trained, train
from inference.lab.training import Recipe
from inference.manifest import InputSpec

INPUT: Final = InputSpec(size=32, resize=34)
RECIPE: Final = Recipe(size=24, epochs=2, batch=8, learning_rate=0.01, warmup_steps=2)
SLICES: Final = {"cat": ("phone", "web"), "dog": ("phone", "advert"), "neither": ("people", "objects", "birds")}
_HUES: Final = {"cat": (200, 60, 60), "dog": (60, 200, 60), "neither": (60, 60, 200)}


class TinyNetwork(nn.Module):
    """With the parts that matter to training: kernels, BatchNorm, and a linear classifier of its own name."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(8)
        self.head = nn.Conv2d(8, 12, 3, stride=2)
        self.classifier = nn.Linear(12, 3)

    def forward(self, images: Tensor) -> Tensor:
        """Float32 (N, 3, S, S) → logits (N, 3)."""
        features = torch.relu(self.head(torch.relu(self.bn(self.stem(images))))).mean((2, 3))
        logits: Tensor = self.classifier(features)
        return logits


def build() -> nn.Module:
    """The same network each time."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return TinyNetwork().eval()


START: Final = Start("tiny", INPUT, build, {"package": "tests"})


def pictures(folder: Path, *, each: int = 3, policy: int = 2, columns: Sequence[str] = ("slice",)) -> Path:
    """A table with ``each`` pictures of each slice of each label, and ``policy`` of a slice that is not fitted."""
    folder.mkdir(exist_ok=True)
    generator = np.random.default_rng(0)
    rows: list[Mapping[str, Any]] = []
    for label, slices in {**SLICES, "drawn": ("x-drawings",)}.items():
        for kind in slices:
            for number in range(policy if kind == "x-drawings" else each):
                name = f"{label}-{kind}-{number}.jpg"
                noise = generator.integers(-55, 56, (48, 40, 3))
                pixels = (np.array(_HUES.get(label, (90, 90, 90))) + noise).astype(np.uint8)
                Image.fromarray(pixels).save(folder / name)
                called = "neither" if label == "drawn" else label
                rows.append({"file": name, "label": called, "slice": kind, "origin": f"{kind} of {number % 2}"})
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ("file", "label", *columns), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return folder / "labels.csv"


def trained(table: Path, output: Path, **options: Any) -> Trained:
    """Train the tiny network on one table, with its work beside the output."""
    whole: dict[str, Any] = {"start": START, "recipe": RECIPE, "fold_count": 2, "work": output / "work"}
    return train([table], output=output, **whole | options)
