"""Decides which pictures a training step sees. Pure: the same seed and step give the same pictures."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.prediction import Label

SHARES: Final[Mapping[Label, float]] = {"cat": 0.25, "dog": 0.25, "neither": 0.5}
"""Of the pictures of a step: as many pets as others."""


def probabilities(labels: Sequence[Label], slices: Sequence[str]) -> NDArray[np.float64]:
    """
    The probability of each picture to be drawn, float64 (N,), adding up to 1.

    Each label has its share of ``SHARES``. Within a label, a slice has a share in proportion to the square root of its
    size: a slice of 900 pictures counts three times as much as one of 100, and not nine times. Within a slice all
    pictures are alike.

    Raises:
        ValueError: a label has no picture, or the lengths differ.
    """
    sizes = Counter(zip(labels, slices, strict=True))
    mass = {label: math.fsum(math.sqrt(n) for (of, _), n in sizes.items() if of == label) for label in SHARES}
    if missing := [label for label, total in mass.items() if not total]:
        raise ValueError(f"no picture is labelled {', '.join(missing)}")
    return np.array(
        [
            SHARES[label] * math.sqrt(sizes[label, name]) / mass[label] / sizes[label, name]
            for label, name in zip(labels, slices, strict=True)
        ]
    )


def drawn(chances: NDArray[np.float64], batch: int, seed: Sequence[int]) -> NDArray[np.int64]:
    """
    The pictures of one step: ``batch`` indices, int64, drawn with replacement.

    Args:
        chances: as ``probabilities`` returns them.
        batch: how many.
        seed: non-negative integers that name the run and the step, so that no generator has to be stored.
    """
    return np.random.default_rng(seed).choice(len(chances), batch, p=chances / chances.sum())
