import pytest

from inference.lab.compare import compare, mcnemar
from inference.lab.evaluate import FolderEvaluation
from inference.prediction import Label
from tests.judged_pictures import folder, outcome

EXPECTED: list[Label] = ["cat", "cat", "dog", "neither", "neither"]
SLICES = ["phone", "phone", "web", "people", "x-drawings"]


def judged(*given: Label) -> FolderEvaluation:
    rows = zip(EXPECTED, given, SLICES, strict=True)
    return folder(*(outcome(label, answer, part, name=f"{n}.jpg") for n, (label, answer, part) in enumerate(rows)))


@pytest.mark.parametrize(
    ("won", "lost", "probability"),
    [(0, 0, 1.0), (1, 0, 1.0), (5, 5, 1.0), (10, 0, 2 / 1024), (6, 13, 0.16707), (13, 6, 0.16707)],
)
def test_the_probability_of_the_split_is_binomial(won: int, lost: int, probability: float) -> None:
    assert mcnemar(won, lost) == pytest.approx(probability, abs=1e-4)


def test_thousands_of_differences_do_not_overflow() -> None:
    assert 0 <= mcnemar(4000, 1000) < 1e-300


def test_pictures_won_and_lost_are_named_by_slice() -> None:
    ours = judged("cat", "dog", "dog", "neither", "neither")
    theirs = judged("dog", "cat", "cat", "neither", "cat")
    found = compare(ours, theirs, "other")
    assert [each.name for each in found.total.won] == ["0.jpg", "2.jpg"], "the drawing is in no total"
    assert [each.name for each in found.total.lost] == ["1.jpg"]
    assert found.total.pictures == 4
    assert {name: (len(each.won), len(each.lost)) for name, each in found.slices.items()} == {
        "people": (0, 0),
        "phone": (1, 1),
        "web": (1, 0),
        "x-drawings": (1, 0),
    }


def test_evaluations_of_different_pictures_are_not_compared() -> None:
    with pytest.raises(ValueError, match="different pictures"):
        compare(folder(outcome("cat", "cat", name="a.jpg")), folder(outcome("cat", "cat", name="b.jpg")), "other")
