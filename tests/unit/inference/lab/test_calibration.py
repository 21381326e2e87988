import math

import pytest

from inference.lab.calibration import calibrate
from inference.lab.proportion import Proportion
from inference.prediction import Label, Prediction, Scores, decide


def scored(cat: float, dog: float, neither: float) -> Prediction:
    return decide(Scores(cat, dog, neither), accept=0.5)


# Confidences 0.8 (right), 0.6 (wrong), 0.65 (right), 1.0 (right).
EXPECTED: list[Label] = ["cat", "cat", "neither", "dog"]
GIVEN = [scored(0.8, 0.1, 0.1), scored(0.3, 0.6, 0.1), scored(0.2, 0.15, 0.65), scored(0.0, 1.0, 0.0)]


def test_the_expected_error_is_the_weighted_gap_of_the_bins() -> None:
    result = calibrate(EXPECTED, GIVEN)
    # [0.6, 0.7): 1 of 2 right at 0.625; [0.8, 0.9): 1 of 1 at 0.8; [0.9, 1]: 1 of 1 at 1.
    assert result.expected_error == pytest.approx((2 * 0.125 + 1 * 0.2 + 0) / 4)
    assert [each.right for each in result.bins if each.right.whole] == [
        Proportion(1, 2),
        Proportion(1, 1),
        Proportion(1, 1),
    ]
    assert result.bins[6].confidence == pytest.approx(0.625)


def test_a_confidence_of_one_is_in_the_last_bin_and_every_picture_in_one() -> None:
    result = calibrate(EXPECTED, GIVEN)
    assert result.bins[-1].right == Proportion(1, 1)
    assert (result.bins[0].low, result.bins[-1].high) == (0.0, 1.0)
    assert sum(each.right.whole for each in result.bins) == 4


def test_log_loss_and_brier_follow_their_definitions() -> None:
    result = calibrate(EXPECTED, GIVEN)
    assert result.log_loss == pytest.approx(-(math.log(0.8) + math.log(0.3) + math.log(0.65) + math.log(1)) / 4)
    squares = (0.04 + 0.01 + 0.01) + (0.49 + 0.36 + 0.01) + (0.04 + 0.0225 + 0.1225) + 0
    assert result.brier == pytest.approx(squares / 4)


def test_a_score_of_zero_for_the_right_label_costs_much_but_not_everything() -> None:
    assert 20 < calibrate(["cat"], [scored(0.0, 1.0, 0.0)]).log_loss < 30


def test_of_other_bins_the_error_is_another() -> None:
    assert calibrate(EXPECTED, GIVEN, bins=1).expected_error == pytest.approx(abs(0.75 - (0.8 + 0.6 + 0.65 + 1) / 4))


def test_a_threshold_has_no_part_in_it() -> None:
    strict = [decide(each.scores, accept=0.99, compared="label") for each in GIVEN]
    assert [each.label for each in strict] != [each.label for each in GIVEN]
    assert calibrate(EXPECTED, strict) == calibrate(EXPECTED, GIVEN)


def test_over_nothing_there_is_no_figure() -> None:
    result = calibrate([], [])
    assert math.isnan(result.expected_error)
    assert math.isnan(result.log_loss)
    assert math.isnan(result.brier)


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="shorter"):
        calibrate(["cat"], [])
