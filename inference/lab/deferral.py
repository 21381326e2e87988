"""
Which pictures the small network of a cascade should leave to the large one: the threshold, chosen on pictures that
neither of them had seen. Pure.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from inference.lab.held_out import HeldOut
from inference.manifest import Rule
from inference.model.policy import EVEN
from inference.prediction import LABELS, Label, Prediction, decide, normalise

THRESHOLDS: Final = (*(round(0.4 + 0.05 * step, 2) for step in range(12)), 0.97, 0.98, 0.99)
"""The candidates for ``defer_below``. At the first one, nearly nothing is deferred."""
TOLERANCE: Final = 1.05
"""Times the least log loss. Beyond that, a better answer is not worth the time of the large network."""

Scores = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Deferral:
    """
    The consequence of a threshold. ``deferred``: the share of pictures that both networks judge. ``right``: the share
    that gets its label, or is called neither if it is. ``log_loss``: the mean, in nats.
    """

    defer_below: float
    deferred: float
    right: float
    log_loss: float


def scores(small: HeldOut, large: HeldOut, defer_below: float, rule: Rule) -> Scores:
    """The cascade's scores of a picture, as ``CascadeNet`` computes them."""
    if max(small.scores) >= defer_below:
        return small.scores
    if rule == "large":
        return large.scores
    cat, dog, neither = ((one + other) / 2 for one, other in zip(small.scores, large.scores, strict=True))
    return cat, dog, neither


def predicted(given: Scores) -> Prediction:
    """The prediction at the threshold that ships."""
    return decide(normalise(*given), accept=EVEN.accept, compared=EVEN.compared)


def deferral(small: Sequence[HeldOut], large: Sequence[HeldOut], defer_below: float, rule: Rule) -> Deferral:
    """
    The consequence of ``defer_below``: at 0 the small network decides alone, above 1 each picture is deferred.

    Args:
        small: the pictures with the small network's scores.
        large: the same pictures in the same order.
        defer_below: the threshold.
        rule: whose scores a deferred picture has.
    """
    pictures = len(small)
    given = [scores(one, other, defer_below, rule) for one, other in zip(small, large, strict=True)]
    labels: list[Label] = [each.label for each in small]
    return Deferral(
        defer_below,
        deferred=sum(max(each.scores) < defer_below for each in small) / pictures,
        right=sum(predicted(each).label == label for each, label in zip(given, labels, strict=True)) / pictures,
        log_loss=sum(-math.log(max(each[LABELS.index(label)], 1e-7)) for each, label in zip(given, labels, strict=True))
        / pictures,
    )


def chosen(points: Sequence[Deferral]) -> Deferral:
    """The candidate that defers least among those whose log loss is within ``TOLERANCE`` of the least one."""
    bound = TOLERANCE * min(each.log_loss for each in points)
    return min((each for each in points if each.log_loss <= bound), key=lambda each: each.defer_below)
