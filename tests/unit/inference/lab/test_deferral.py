"""What the small network of a cascade defers."""

import math

import pytest

from inference.lab.deferral import THRESHOLDS, Deferral, chosen, deferral
from inference.lab.held_out import HeldOut
from inference.prediction import Label


def held(label: Label, *scores: float) -> HeldOut:
    cat, dog, neither = scores
    return HeldOut("", label, "", (cat, dog, neither))


SMALL = [held("cat", 0.95, 0.05, 0.0), held("cat", 0.3, 0.6, 0.1), held("neither", 0.1, 0.1, 0.8)]
LARGE = [held("cat", 0.2, 0.8, 0.0), held("cat", 0.8, 0.1, 0.1), held("neither", 0.6, 0.2, 0.2)]


def test_a_threshold_defers_what_the_small_network_is_less_sure_of() -> None:
    found = deferral(SMALL, LARGE, 0.7, "large")
    assert found.deferred == pytest.approx(1 / 3)
    assert found.right == 1.0
    assert found.log_loss == pytest.approx(-(math.log(0.95) + math.log(0.8) + math.log(0.8)) / 3)
    assert deferral(SMALL, LARGE, 0.9, "large").right == pytest.approx(2 / 3)
    assert deferral(SMALL, LARGE, 0.6, "large").deferred == 0.0, "a picture at the threshold stays"


def test_the_mean_of_both_may_decide() -> None:
    found = deferral(SMALL[1:2], LARGE[1:2], 0.7, "mean")
    assert found.right == 1.0
    assert found.log_loss == pytest.approx(-math.log(0.55))


def test_the_networks_alone_are_the_two_ends() -> None:
    assert deferral(SMALL, LARGE, 0.0, "large").right == pytest.approx(2 / 3)
    assert deferral(SMALL, LARGE, 2.0, "large").right == pytest.approx(1 / 3)


def test_the_least_threshold_that_is_nearly_as_good_as_the_best_is_chosen() -> None:
    points = [Deferral(at, at / 10, 0.9, loss) for at, loss in ((0.5, 0.12), (0.7, 0.104), (0.8, 0.1), (0.9, 0.103))]
    assert chosen(points[::-1]).defer_below == 0.7
    assert chosen(points[:1]).defer_below == 0.5
    assert list(THRESHOLDS) == sorted(THRESHOLDS)


def test_a_score_of_zero_has_a_finite_loss() -> None:
    assert deferral([held("cat", 0.0, 1.0, 0.0)], [held("cat", 0.0, 1.0, 0.0)], 0.0, "large").log_loss < 17
