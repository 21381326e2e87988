import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from inference.prediction import Prediction, Scores, decide, normalise

mass = st.floats(0, 1, allow_nan=False)


@pytest.mark.parametrize(
    ("scores", "label", "confidence"),
    [
        (Scores(0.9, 0.05, 0.05), "cat", 0.9),
        (Scores(0.05, 0.9, 0.05), "dog", 0.9),
        (Scores(0.2, 0.1, 0.7), "neither", 0.7),
        (Scores(0.25, 0.25, 0.5), "cat", 0.25),
    ],
)
def test_the_label_is_the_larger_pet_once_pets_are_likely_enough(scores: Scores, label: str, confidence: float) -> None:
    prediction = decide(scores, accept=0.5)
    assert (prediction.label, prediction.confidence, prediction.scores) == (label, confidence, scores)


def test_a_picture_with_both_pets_is_not_lost_to_neither() -> None:
    assert decide(Scores(0.31, 0.29, 0.4), accept=0.5).label == "cat"


def test_a_stricter_threshold_rejects_what_a_laxer_one_accepts() -> None:
    scores = Scores(0.6, 0.1, 0.3)
    assert decide(scores, accept=0.6).label == "cat"
    assert decide(scores, accept=0.9).label == "neither"


def test_a_label_that_is_less_sure_than_the_threshold_is_not_given() -> None:
    scores = Scores(0.6, 0.35, 0.05)
    assert decide(scores, accept=0.9, compared="label") == Prediction("neither", 0.05, scores)
    assert decide(scores, accept=0.6, compared="label") == Prediction("cat", 0.6, scores)
    assert decide(scores, accept=0.9, compared="pet").label == "cat", "a pet it surely is"


@given(mass, mass, mass, mass)
def test_no_label_is_published_below_the_threshold(cat: float, dog: float, neither: float, accept: float) -> None:
    assume(cat + dog + neither > 0)
    prediction = decide(normalise(cat, dog, neither), accept=accept, compared="label")
    assert prediction.label == "neither" or prediction.confidence >= accept


@given(mass, mass, mass)
def test_scores_are_probabilities_whatever_the_masses(cat: float, dog: float, neither: float) -> None:
    assume(cat + dog + neither > 0)
    scores = normalise(cat, dog, neither)
    values = (scores.cat, scores.dog, scores.neither)
    assert all(0 <= value <= 1 for value in values)
    assert math.isclose(sum(values), 1, abs_tol=1e-9)
    assert 0 <= decide(scores, accept=0.5).confidence <= 1


@pytest.mark.parametrize("masses", [(math.nan, 0, 1), (math.inf, 0, 0), (-0.1, 0.6, 0.5), (0, 0, 0)])
def test_what_is_no_probability_is_refused(masses: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="not probabilities"):
        normalise(*masses)
