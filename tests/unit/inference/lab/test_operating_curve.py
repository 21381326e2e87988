import itertools

import pytest

from inference.lab.operating_curve import THRESHOLDS, curve, point, stated
from inference.lab.proportion import Proportion
from inference.manifest import Thresholds
from inference.prediction import Label, Prediction, Scores, decide


def scored(cat: float, dog: float) -> Prediction:
    return decide(Scores(cat, dog, 1 - cat - dog), accept=0.5)


JUDGED: list[tuple[Label, Prediction]] = [
    ("cat", scored(0.95, 0.05)),
    ("dog", scored(0.6, 0.3)),
    ("dog", scored(0.1, 0.7)),
    ("neither", scored(0.85, 0.05)),
    ("neither", scored(0.1, 0.1)),
]


def test_each_point_has_its_consequence() -> None:
    lax, middle, strict = curve(JUDGED, [0.9, 0.5, 0.65])
    assert [each.thresholds.accept for each in (lax, middle, strict)] == [0.5, 0.65, 0.9]
    assert (lax.pets_kept, middle.pets_kept, strict.pets_kept) == (
        Proportion(3, 3),
        Proportion(2, 3),
        Proportion(1, 3),
    )
    assert (lax.false_pets, strict.false_pets) == (Proportion(1, 2), Proportion(0, 2))
    assert (lax.wrong_species, strict.wrong_species) == (Proportion(1, 3), Proportion(0, 1))


def test_a_point_may_compare_the_sum() -> None:
    assert point(JUDGED, Thresholds(accept=0.85, compared="pet")).pets_kept == Proportion(2, 3)
    assert point(JUDGED, Thresholds(accept=0.85, compared="label")).pets_kept == Proportion(1, 3)


def test_a_curve_has_some_twenty_points_and_never_rises() -> None:
    points = curve(JUDGED)
    assert [each.thresholds.accept for each in points] == list(THRESHOLDS)
    assert 20 <= len(points) <= 25
    for before, after in itertools.pairwise(points):
        assert after.pets_kept.part <= before.pets_kept.part
        assert after.false_pets.part <= before.false_pets.part


def test_a_manifest_is_told_the_curve_with_its_pictures() -> None:
    document = stated(curve(JUDGED, [0.5, 0.99]), "five drawn pictures")
    assert (document.measured_on, document.pets, document.others) == ("five drawn pictures", 3, 2)
    assert document.points[0].wrong_species == pytest.approx(1 / 3)
    assert (document.points[1].pets_kept, document.points[1].wrong_species) == (0, 0)
