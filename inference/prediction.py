"""What the classifier says about one picture, and the rule that turns three scores into one label. Pure."""

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
        """The largest difference of two scores of one label, 0..1."""
        return max(abs(self.cat - other.cat), abs(self.dog - other.dog), abs(self.neither - other.neither))


@dataclass(frozen=True, slots=True)
class Prediction:
    """One picture's label; ``confidence`` is the score of that label, 0..1."""

    label: Label
    confidence: float
    scores: Scores


def normalise(cat: float, dog: float, neither: float) -> Scores:
    """
    Three non-negative masses as scores that sum to 1, computed in float64.

    An engine answers in float32 or less, and a manifest may add several of its labels to one of ours: either can leave
    the sum a little beside 1, which consumers of the scores are promised never to see.

    Raises:
        ValueError: if a mass is negative or not finite, or all are zero.
    """
    total = cat + dog + neither
    if not math.isfinite(total) or min(cat, dog, neither) < 0 or total <= 0:
        raise ValueError(f"not probabilities: cat {cat}, dog {dog}, neither {neither}")
    return Scores(cat / total, dog / total, neither / total)


def decide(scores: Scores, *, accept: float) -> Prediction:
    """
    The label of one picture.

    A picture is a pet if the model gives cats and dogs together at least ``accept``; which of the two is then the
    larger score's business (a tie goes to cat). So a picture with both a cat and a dog in it, 0.3 and 0.3, is not
    lost to ``neither``, which an argmax over all three would do.

    Args:
        scores: as ``normalise`` returns them.
        accept: least probability of being a pet, 0..1, from the model's manifest.
    """
    if 1 - scores.neither < accept:
        return Prediction("neither", scores.neither, scores)
    if scores.cat >= scores.dog:
        return Prediction("cat", scores.cat, scores)
    return Prediction("dog", scores.dog, scores)
