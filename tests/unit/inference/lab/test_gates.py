import pytest

from inference.lab.calibration import calibrate
from inference.lab.evaluate import FolderEvaluation, Outcome
from inference.lab.gates import GATES, State, judge, missed
from inference.lab.slices import by_slice
from inference.prediction import Label
from tests.judged_pictures import folder, outcome


def states(judged: FolderEvaluation) -> dict[str, State]:
    pairs = judged.judged()
    calibration = calibrate([label for label, _ in pairs], [prediction for _, prediction in pairs])
    return {each.gate.name: each.state for each in judge(judged, by_slice(judged), calibration)}


def many(count: int, expected: Label, given: Label, part: str = "") -> list[Outcome]:
    return [outcome(expected, given, part)] * count


def test_the_gates_are_those_that_were_agreed() -> None:
    assert {gate.name: gate.bound for gate in GATES} == {
        "cat or dog": 0.988,
        "pets accepted": 0.988,
        "non-pets accepted": 0.015,
        "people accepted": 0.005,
        "small pets and raccoons accepted": 0.08,
        "calibration error": 0.01,
    }


@pytest.mark.parametrize(
    ("name", "expected", "given", "part", "allowed"),
    [
        ("cat or dog", "cat", "dog", "", 12),
        ("pets accepted", "dog", "neither", "", 12),
        ("non-pets accepted", "neither", "cat", "objects", 15),
        ("people accepted", "neither", "cat", "people", 5),
        ("small pets and raccoons accepted", "neither", "dog", "lookalike-other", 80),
    ],
)
def test_a_gate_is_met_at_its_bound_and_missed_beyond(
    name: str, expected: Label, given: Label, part: str, allowed: int
) -> None:
    for wrong, state in ((allowed, "met"), (allowed + 1, "missed")):
        right = many(1000 - wrong, expected, expected, part)
        assert states(folder(*right, *many(wrong, expected, given, part)))[name] == state


def test_a_gate_of_a_slice_looks_at_no_other_slice() -> None:
    judged = folder(*many(10, "neither", "neither", "people"), *many(10, "neither", "cat", "objects"))
    found = states(judged)
    assert (found["people accepted"], found["non-pets accepted"]) == ("met", "missed")


def test_a_gate_is_met_with_certainty_by_enough_pictures() -> None:
    few, enough = (folder(*many(count, "neither", "neither", "people")) for count in (87, 1000))
    for judged, certain in ((few, False), (enough, True)):
        verdicts = judge(judged, by_slice(judged), calibrate([], []))
        assert [each.certain for each in verdicts if each.gate.name == "people accepted"] == [certain]


def test_calibration_is_a_gate() -> None:
    """A score of 0.8 is right in 80 of 100."""
    right, more = many(80, "cat", "cat"), many(82, "cat", "cat")
    assert states(folder(*right, *many(20, "dog", "cat")))["calibration error"] == "met"
    assert states(folder(*more, *many(18, "dog", "cat")))["calibration error"] == "missed"


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    found = states(folder(outcome("cat", "cat", "phone")))
    assert (found["people accepted"], found["non-pets accepted"]) == ("not measured", "not measured")
    assert set(states(folder()).values()) == {"not measured"}


def test_missed_gates_are_named() -> None:
    judged = folder(outcome("neither", "cat", "people"), outcome("cat", "cat"))
    verdicts = judge(judged, by_slice(judged), calibrate(["cat"], [judged.judged()[1][1]]))
    assert missed(verdicts) == ["non-pets accepted", "people accepted", "calibration error"]
