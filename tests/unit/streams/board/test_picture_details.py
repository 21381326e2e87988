"""One picture's details, from the topics and from the tables."""

from dataclasses import replace
from decimal import Decimal

import msgspec

from persistence.classification_reads import Classification
from persistence.rejection_reads import Rejection
from streams.board import picture_details
from streams.board.pictures import milliseconds
from streams.board.state import Board
from streams.contracts import Scores
from tests.board_events import BUCKET, NOON, REJECTION_ROW, after, classified, rejected, upload


def refused(detail: str) -> Rejection:
    return Rejection(**(REJECTION_ROW | {"detail": detail}))


def row(version: int = 1) -> Classification:
    event = classified(version=version)
    return Classification(
        id=event.id,
        user_name="ann",
        image_url=event.image_url,
        classification="cat",
        confidence=Decimal("0.9876"),
        processing_time=120,
        timestamp=NOON,
        source_bucket=BUCKET,
        source_key=event.key,
        source_version_id=event.version_id,
        source_etag="e",
        source_sequencer=event.sequencer,
        model_name="test",
        model_version="1.0",
        model_rev=1,
        created_at=after(400),
        updated_at=after(400),
        trace_id="0af7651916cd43dd8448eb211c80319c",
    )


def from_topics(version: int = 1) -> picture_details.PictureDetails:
    board = Board(100)
    board.queued(upload(version=version), after(40))
    board.decided(classified(version=version), after(260))
    picture = board.picture(classified().id)
    assert picture is not None
    return picture_details.of_picture(picture)


def test_what_was_heard_is_completed_by_its_row() -> None:
    merged = picture_details.merged(from_topics(), picture_details.of_rows(row(), None))
    assert merged is not None
    assert (merged.queued, merged.stored) == (milliseconds(after(40)), milliseconds(after(400)))
    assert merged.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert merged.scores == {"cat": 0.9876, "dog": 0.01, "neither": 0.0024}
    assert msgspec.json.decode(merged.event or "")["classification"] == "cat"


def test_a_row_of_an_older_version_does_not_say_that_the_new_one_is_stored() -> None:
    merged = picture_details.merged(from_topics(version=2), picture_details.of_rows(row(version=1), None))
    assert merged is not None
    assert (merged.stored, merged.version_id) == (None, "v2")


def test_a_row_that_is_newer_than_what_was_heard_stands() -> None:
    merged = picture_details.merged(from_topics(version=1), picture_details.of_rows(row(version=2), None))
    assert merged is not None
    assert (merged.replaced, merged.version_id) == (True, "v2")


def test_a_row_alone_shows_what_it_holds() -> None:
    found = picture_details.merged(None, picture_details.of_rows(row(), None))
    assert found is not None
    assert (found.label, found.confidence, found.work, found.model) == ("cat", 0.9876, 120, "test 1.0")
    assert (found.queued, found.decided) == (None, None)


def test_nothing_known_is_no_details() -> None:
    assert picture_details.merged(None, picture_details.of_rows(None, None)) is None


def test_the_story_of_a_picture_that_got_no_label_has_its_scores() -> None:
    board = Board(100)
    scores = Scores(cat=0.3, dog=0.1, neither=0.6)
    board.decided(msgspec.structs.replace(rejected(reason="not_a_pet"), scores=scores), after(260))
    board.decided(rejected("uploads/ann/cut.jpg"), after(260))
    judged, unjudged = (board.picture(event.id) for event in (rejected(), rejected("uploads/ann/cut.jpg")))
    assert judged is not None
    assert unjudged is not None
    assert picture_details.of_picture(judged).scores == {"cat": 0.3, "dog": 0.1, "neither": 0.6}
    assert picture_details.of_picture(unjudged).scores is None


def test_the_story_says_which_outcomes_are_unsure_also_from_rows_alone() -> None:
    assert from_topics().unsure is False
    sure = picture_details.of_rows(row(), None)
    unsure = picture_details.of_rows(replace(row(), confidence=Decimal("0.6100")), None)
    assert sure is not None
    assert unsure is not None
    assert (sure.unsure, unsure.unsure) == (False, True)
    judged = picture_details.of_rows(None, refused(str(REJECTION_ROW["detail"])))
    assert judged is not None
    assert (judged.unsure, judged.scores) == (True, {"cat": 0.48, "dog": 0.11, "neither": 0.41})
    missing = picture_details.of_rows(
        None, replace(refused("cat 0.4800, neither 0.4100, dog 0.1100"), reason="missing")
    )
    assert missing is not None
    assert (missing.unsure, missing.scores) == (False, None)
