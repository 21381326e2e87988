"""A picture's prediction, and the rule that turns three scores into one label. Pure."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

Label = Literal["cat", "dog", "neither"]
LABELS: tuple[Label, ...] = get_args(Label)


@dataclass(frozen=True, slots=True)
class Scores:
    """Calibrated probabilities, each 0..1, summing to 1."""

    cat: float
    dog: float
    neither: float

    def difference(self, other: "Scores") -> float:
        """The largest absolute difference over the three labels, 0..1."""
        return max(abs(self.cat - other.cat), abs(self.dog - other.dog), abs(self.neither - other.neither))


@dataclass(frozen=True, slots=True)
class Prediction:
    """
    One picture's label; ``confidence`` is the score of that label, 0..1.

    ``deferred``: the small network of a cascade was unsure, and the large one was asked. False where an engine does not
    tell: those of torch compute both networks for each picture.
    """

    label: Label
    confidence: float
    scores: Scores
    deferred: bool = False


def normalise(cat: float, dog: float, neither: float) -> Scores:
    """
    Scales three non-negative numbers to scores that sum to 1, in float64.

    The sum of an engine's scores differs slightly from 1: it computes in float32 or less, and several labels of a
    manifest may count as one of ours.

    Raises:
        ValueError: a number is negative or not finite, or all are zero.
    """
    total = cat + dog + neither
    if not math.isfinite(total) or min(cat, dog, neither) < 0 or total <= 0:
        raise ValueError(f"not probabilities: cat {cat}, dog {dog}, neither {neither}")
    return Scores(cat / total, dog / total, neither / total)


def decide(scores: Scores, *, accept: float) -> Prediction:
    """
    The label of one picture.

    A picture is a pet if the scores of cat and dog together are at least ``accept``. The larger one is the label; a tie
    is a cat. So a picture with a cat and a dog, 0.3 and 0.3, is accepted, while an argmax over all three would reject
    it.

    Args:
        scores: as ``normalise`` returns them.
        accept: the least probability of a pet, 0..1, from the model's manifest.
    """
    if 1 - scores.neither < accept:
        return Prediction("neither", scores.neither, scores)
    if scores.cat >= scores.dog:
        return Prediction("cat", scores.cat, scores)
    return Prediction("dog", scores.dog, scores)
