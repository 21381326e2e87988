"""What the board remembers of uploads that wait for another attempt: each counts once, for as long as it waits."""

from datetime import datetime
from types import SimpleNamespace

import pytest

from streams.board import picture_details
from streams.board.messages import Messages
from streams.board.parked import Parked, ParkedUploads
from streams.board.pictures import milliseconds
from streams.board.state import Board
from streams.contracts import RetryReason
from streams.retry.attempt import Attempt
from tests.board_events import NOON, after, classified, rejected, upload
from tests.unit.streams.board.test_messages import DELAYS, message, notification

TOPIC = "image-uploads-retry-1m"


def parked(
    offset: int,
    key: str = "uploads/ann/cat.jpg",
    *,
    reason: RetryReason = "missing",
    at: datetime = NOON,
    version: int = 1,
    topic: str = TOPIC,
    partition: int = 0,
) -> Parked:
    found = upload(key, version=version)
    return Parked(
        topic, partition, offset, found.id, found, reason, "HTTP 404 NoSuchKey", 1, NOON, at, at + DELAYS[TOPIC]
    )


def test_each_waits_under_its_latest_reason_and_counts_once() -> None:
    waitings = ParkedUploads(10)
    assert waitings.add(parked(0, "a"))
    assert waitings.add(parked(1, "b", reason="forbidden"))
    assert waitings.add(parked(0, "b", reason="unavailable", topic="image-uploads-retry-10m", at=after(1)))
    assert not waitings.add(parked(1, "b", reason="forbidden")), "read again, after Kafka was away"
    assert (waitings.reasons, waitings.forgotten) == ({"missing": 1, "unavailable": 1}, 0)


def test_what_was_attempted_does_not_wait() -> None:
    waitings = ParkedUploads(10)
    for offset in range(4):
        waitings.add(parked(offset, f"{offset}"))
    assert [each.offset for each in waitings.attempted({(TOPIC, 0): 3})] == [0, 1, 2]
    assert (waitings.reasons, len(waitings), waitings.get(upload("0").id)) == ({"missing": 1}, 1, None)
    assert not waitings.add(parked(2, "2")), "read late"


def test_memory_is_bounded_and_what_is_beyond_it_is_counted() -> None:
    waitings = ParkedUploads(100)
    waitings.attempted({(TOPIC, 0): 5, (TOPIC, 1): 0})
    for offset in range(20, 250):  # 15 were there before the board began to read
        waitings.add(parked(offset, f"{offset}"))
    waitings.add(parked(0, "other", partition=1))
    assert (len(waitings), waitings.reasons, waitings.forgotten) == (100, {"missing": 100}, 15 + 131)
    waitings.attempted({(TOPIC, 0): 250, (TOPIC, 1): 1})
    assert (len(waitings), waitings.reasons, waitings.forgotten) == (0, {}, 0)


def test_the_board_remembers_as_many_as_pictures() -> None:
    board = Board(100)
    for offset in range(250):
        board.parked(parked(offset, f"{offset}"))
    board.attempted({(TOPIC, 0): 0})
    condition = board.frame(0, NOON).condition
    assert (len(board), condition.parked, condition.parked_more) == (100, {"missing": 100}, 150)


@pytest.mark.parametrize("first", ["parked", "decided"])
def test_an_outcome_ends_the_waiting_whichever_is_read_first(first: str) -> None:
    board = Board(100)
    if first == "parked":
        board.parked(parked(0))
    board.decided(classified(), after(260))
    if first == "decided":
        board.parked(parked(0))
    frame = board.frame(0, NOON)
    assert frame.condition.parked == {}
    assert [(each.label, each.parked) for each in frame.pictures] == [("cat", None)]


def test_an_outcome_of_an_older_upload_leaves_the_newer_one_waiting() -> None:
    board = Board(100)
    board.decided(rejected(version=1), after(10))
    board.parked(parked(0, version=2))
    board.decided(rejected(version=1), after(260))
    [picture] = board.frame(0, NOON).pictures
    assert (picture.parked, picture.reason, picture.due) == ("missing", None, milliseconds(NOON + DELAYS[TOPIC]))


def test_a_picture_that_is_not_parked_any_more_changes_for_who_looks() -> None:
    board = Board(100)
    board.queued(upload(), after(1))
    board.parked(parked(0))
    before = board.frame(0, NOON).revision
    board.attempted({(TOPIC, 0): 1})
    assert [each.parked for each in board.frame(before, NOON).pictures] == [None]


def test_its_details_are_known_also_after_ten_thousand_others() -> None:
    board = Board(100)
    board.parked(parked(0))
    for number in range(200):
        board.decided(classified(f"{number}"), after(260))
    picture = board.picture(upload().id)
    assert picture is not None
    details = picture_details.of_picture(picture, board.parking(picture))
    assert details.parked is not None
    assert (details.key, details.parked.reason, details.parked.detail) == (
        upload().key,
        "missing",
        "HTTP 404 NoSuchKey",
    )
    assert (details.parked.attempts, details.parked.due) == (1, milliseconds(NOON + DELAYS[TOPIC]))


def retried(key: bytes | None, value: bytes, headers: list[tuple[str, bytes | None]]) -> SimpleNamespace:
    found = message(TOPIC, value)
    return SimpleNamespace(**{**vars(found), "key": key, "headers": headers, "partition": 2, "offset": 7})


def test_a_message_of_a_retry_topic_changes_the_board() -> None:
    board = Board(100)
    made = Attempt(2, NOON, "forbidden", "HTTP 403 AccessDenied", "image-uploads", 0, 1)
    sent = retried(b"pictures/uploads/ann/cat.jpg", notification("uploads/ann/cat.jpg"), [*made.headers()])
    Messages(board, "p.", DELAYS).apply(sent)
    frame = board.frame(0, NOON)
    assert frame.condition.parked == {"forbidden": 1}
    [picture] = frame.pictures
    assert (picture.key, picture.parked) == ("uploads/ann/cat.jpg", "forbidden")
    assert picture.due == milliseconds(after(40) + DELAYS[TOPIC])


@pytest.mark.parametrize("key", [None, b"", b"\xff", b"no slash", b"pictures/another.jpg"])
@pytest.mark.parametrize("headers", [[], [("petstream_retry_reason", None)], [("petstream_retry_attempt", b"\xff")]])
def test_a_message_that_names_another_object_or_none_is_counted_and_has_no_card(
    key: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    board = Board(100)
    messages = Messages(board, "p.", DELAYS)
    messages.apply(retried(key, notification("uploads/ann/cat.jpg"), headers))
    assert (board.frame(0, NOON).condition.parked, len(board), messages.unreadable) == ({"failed": 1}, 0, 0)
