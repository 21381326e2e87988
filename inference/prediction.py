"""A picture's prediction, and the rule that turns three scores into one label. Pure."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

Label = Literal["cat", "dog", "neither"]
LABELS: tuple[Label, ...] = get_args(Label)
Compared = Literal["label", "pet"]
"""
What a threshold is compared with: ``label``, the score of the label itself, which is the larger of cat and dog; or
``pet``, the sum of cat and dog.
"""


@dataclass(frozen=True, slots=True)
class Scores:
    """Probabilities as the model estimates them, each 0..1, summing to 1."""

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

    A picture that is not sure enough for a label is ``neither``, although ``neither`` may not have the largest score.
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


def decide(scores: Scores, *, accept: float, compared: Compared = "pet") -> Prediction:
    """
    The label of one picture: the larger of cat and dog if it is sure enough, else neither. A tie is a cat.

    With ``compared="label"``, no label has a confidence below ``accept``. With ``compared="pet"``, the scores of cat
    and dog are added first, so a picture of both, 0.45 and 0.45, gets a label at 0.5. See docs/decisions/0021.

    Args:
        scores: as ``normalise`` returns them.
        accept: the threshold, 0..1, from the model's manifest or the operator.
        compared: what reaches the threshold, from the model's manifest.
    """
    sure = max(scores.cat, scores.dog) if compared == "label" else 1 - scores.neither
    if sure < accept:
        return Prediction("neither", scores.neither, scores)
    if scores.cat >= scores.dog:
        return Prediction("cat", scores.cat, scores)
    return Prediction("dog", scores.dog, scores)
