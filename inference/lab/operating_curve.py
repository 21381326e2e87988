"""What other thresholds would do: pets kept, other pictures called pets, pets of the wrong species. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from inference.lab.proportion import Proportion
from inference.manifest import OperatingCurve, OperatingPoint, Thresholds
from inference.prediction import Label, Prediction, decide

THRESHOLDS: Final = (*(round(0.05 * step, 2) for step in range(1, 20)), 0.97, 0.98, 0.99)
"""The points of a curve. Scores crowd near 1, and so do the points."""


@dataclass(frozen=True, slots=True)
class Point:
    """
    The consequence of one threshold: no label has a score below it.

    ``pets_kept``: of the cats and dogs, those that get a label. ``false_pets``: of the others, those that get one.
    ``wrong_species``: of ``pets_kept``, those with the label of the other species.
    """

    thresholds: Thresholds
    pets_kept: Proportion
    false_pets: Proportion
    wrong_species: Proportion


def curve(judged: Sequence[tuple[Label, Prediction]], thresholds: Iterable[float] = THRESHOLDS) -> tuple[Point, ...]:
    """The points of ``judged`` (expected label and prediction), in ascending order of the threshold."""
    return tuple(point(judged, Thresholds(accept=each, compared="label")) for each in sorted(set(thresholds)))


def point(judged: Sequence[tuple[Label, Prediction]], thresholds: Thresholds) -> Point:
    """The consequence of ``thresholds``; the labels that the predictions have do not count."""
    given = [
        (expected, decide(each.scores, accept=thresholds.accept, compared=thresholds.compared).label)
        for expected, each in judged
    ]
    pets = [label for expected, label in given if expected != "neither"]
    others = [label for expected, label in given if expected == "neither"]
    kept = [(expected, label) for expected, label in given if "neither" not in (expected, label)]
    return Point(
        thresholds,
        pets_kept=Proportion(len(kept), len(pets)),
        false_pets=Proportion(sum(label != "neither" for label in others), len(others)),
        wrong_species=Proportion(sum(expected != label for expected, label in kept), len(kept)),
    )


def stated(points: Sequence[Point], measured_on: str) -> OperatingCurve:
    """
    The curve as a card or a manifest carries it.

    Args:
        points: of pictures among which there are pets and others.
        measured_on: which pictures, in words, and whether the model had seen them.
    """
    return OperatingCurve(
        measured_on=measured_on,
        pets=points[0].pets_kept.whole,
        others=points[0].false_pets.whole,
        points=tuple(
            OperatingPoint(
                threshold=each.thresholds.accept,
                pets_kept=each.pets_kept.rate,
                false_pets=each.false_pets.rate,
                wrong_species=each.wrong_species.rate if each.wrong_species.whole else 0,
            )
            for each in points
        ),
    )
