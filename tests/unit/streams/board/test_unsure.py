import msgspec
import pytest

from inference.prediction import Scores as Predicted
from streams.board.pictures import PictureView, view
from streams.board.state import Board
from streams.board.unsure import Scores, is_unsure, scores_in
from streams.classify.retry_or_reject import NotAPetError
from streams.contracts import Scores as Published
from tests.board_events import after, classified, rejected

LOW: Scores = {"cat": 0.48, "dog": 0.11, "neither": 0.41}
SURE: Scores = {"cat": 0.01, "dog": 0.01, "neither": 0.98}


@pytest.mark.parametrize("scores", [LOW, SURE])
def test_the_scores_of_a_rejection_are_read_from_what_the_classifier_writes(scores: Scores) -> None:
    assert scores_in(str(NotAPetError(Predicted(**scores)))) == scores


@pytest.mark.parametrize("detail", ["", "cat 0.5000, dog 0.5000", "cat 5, dog 6, neither 7", "HTTP 404 NoSuchKey"])
def test_other_details_have_no_scores(detail: str) -> None:
    assert scores_in(detail) is None


@pytest.mark.parametrize(
    ("outcome", "confidence", "scores", "expected"),
    [
        ("cat", 0.8999, None, True),
        ("dog", 0.9, None, False),
        ("not_a_pet", None, LOW, True),
        ("not_a_pet", None, SURE, False),
        ("not_a_pet", None, None, False),
        ("undecodable", None, None, False),
    ],
)
def test_an_outcome_is_unsure_below_nine_tenths(
    outcome: str,
    confidence: float | None,
    scores: Scores | None,
    expected: bool,  # noqa: FBT001
) -> None:
    assert is_unsure(outcome, confidence, scores) is expected


def shown(event: object) -> PictureView:
    board = Board(10)
    board.decided(event, after(260))  # type: ignore[arg-type]  # either outcome
    picture = board.picture(event.id)  # type: ignore[attr-defined]
    assert picture is not None
    return view(picture)


def test_a_card_has_the_scores_of_an_unsure_outcome_alone() -> None:
    unsure = Published(**LOW)
    assert shown(msgspec.structs.replace(classified(), confidence=0.48, scores=unsure)).unsure == LOW
    assert shown(msgspec.structs.replace(rejected(reason="not_a_pet"), scores=unsure)).unsure == LOW
    assert shown(classified()).unsure is None
    assert shown(msgspec.structs.replace(rejected(reason="not_a_pet"), scores=Published(**SURE))).unsure is None
    assert shown(rejected()).unsure is None
