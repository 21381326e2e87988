"""Measures calibration: of the pictures whose largest score is 0.9, 90 % should show what it says. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from inference.lab.proportion import Proportion
from inference.prediction import LABELS, Label, Prediction

BINS: Final = 10
_LEAST: Final = 1e-12  # bounds the log loss of one picture to 27.6


@dataclass(frozen=True, slots=True)
class Bin:
    """
    The pictures whose confidence, the largest of the three scores, is in [low, high); the last bin includes its high.

    ``confidence`` is their mean, 0..1, NaN if empty; ``right`` counts those whose largest score is that of their label.
    """

    low: float
    high: float
    confidence: float
    right: Proportion


@dataclass(frozen=True, slots=True)
class Calibration:
    """
    ``expected_error`` (ECE): the distance of mean confidence and share of right pictures in each of ``bins``, averaged
    with their counts as weights, 0..1. Thresholds have no part in it.

    ``log_loss``: mean of -ln(score of the right label), 0 and up. ``brier``: mean over pictures of the squared
    distance of the three scores from 1 for the right label and 0 for the others, 0..2. All NaN over nothing.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 5; Brier 1950, equation 2.
    """

    bins: tuple[Bin, ...]
    expected_error: float
    log_loss: float
    brier: float


def calibrate(expected: Sequence[Label], predictions: Sequence[Prediction], *, bins: int = BINS) -> Calibration:
    """
    Compare scores with labels, both in the same order, in ``bins`` bins of equal width over 0..1.

    Raises:
        ValueError: the lengths differ.
    """
    pairs = list(zip(expected, predictions, strict=True))
    members: list[list[tuple[Label, Prediction]]] = [[] for _ in range(bins)]
    for label, prediction in pairs:
        members[min(int(_top(prediction)[1] * bins), bins - 1)].append((label, prediction))
    filled = tuple(_bin(number / bins, (number + 1) / bins, inside) for number, inside in enumerate(members))
    gaps = [each.right.whole * abs(each.right.rate - each.confidence) for each in filled if each.right.whole]
    return Calibration(
        bins=filled,
        expected_error=_mean(gaps, len(pairs)),
        log_loss=_mean([-math.log(max(_score(p, label), _LEAST)) for label, p in pairs], len(pairs)),
        brier=_mean([(_score(p, each) - (each == label)) ** 2 for label, p in pairs for each in LABELS], len(pairs)),
    )


def _bin(low: float, high: float, inside: Sequence[tuple[Label, Prediction]]) -> Bin:
    right = Proportion(sum(label == _top(p)[0] for label, p in inside), len(inside))
    return Bin(low, high, _mean([_top(p)[1] for _, p in inside], len(inside)), right)


def _top(prediction: Prediction) -> tuple[Label, float]:
    """The label with the largest score, and that score."""
    label = max(LABELS, key=lambda each: _score(prediction, each))
    return label, _score(prediction, label)


def _score(prediction: Prediction, label: Label) -> float:
    return float(getattr(prediction.scores, label))


def _mean(values: Sequence[float], count: int) -> float:
    return math.fsum(values) / count if count else math.nan
