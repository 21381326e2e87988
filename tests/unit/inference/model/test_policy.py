import msgspec
import pytest

from inference.manifest import OperatingCurve, OperatingPoint, Thresholds
from inference.model.policy import EVEN, operating_curve, thresholds

POINT = {"threshold": 0.5, "pets_kept": 0.99, "false_pets": 0.02, "wrong_species": 0.01}


def test_a_card_gives_its_curve() -> None:
    card = {"curve": {"measured_on": "drawn pictures", "pets": 3, "others": 2, "points": [POINT]}, "seed": 0}
    assert operating_curve(card) == OperatingCurve(
        measured_on="drawn pictures", pets=3, others=2, points=(OperatingPoint(**POINT),)
    )


def test_a_card_without_a_curve_gives_none() -> None:
    assert operating_curve({"seed": 0}) is None


def test_a_card_gives_its_thresholds() -> None:
    assert thresholds({"thresholds": {"accept": 0.4, "compared": "label"}}) == Thresholds(accept=0.4, compared="label")
    assert thresholds({"seed": 0}) == EVEN
    with pytest.raises(msgspec.ValidationError, match="accept"):
        thresholds({"thresholds": {"accept": 40}})


def test_a_curve_that_is_none_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="points"):
        operating_curve({"curve": {"measured_on": "", "pets": 1, "others": 1}})
