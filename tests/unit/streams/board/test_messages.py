"""Messages as Kafka gives them become news; what breaks its contract is passed and counted."""

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest

from streams.board.messages import Messages
from streams.board.state import Board
from streams.contracts import encode
from tests.board_events import NOON, after, classified, rejected, status

DELAYS = {"image-uploads-retry-1m": timedelta(minutes=1)}
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def message(topic: str, value: bytes | None, at_ms: int = 40) -> SimpleNamespace:
    moment = round(after(at_ms).timestamp() * 1000)
    return SimpleNamespace(topic=f"p.{topic}", value=value, timestamp=moment, headers=(("traceparent", TRACE),))


def notification(key: str) -> bytes:
    entity = {"bucket": {"name": "pictures"}, "object": {"key": key, "sequencer": "1"}}
    record = {"eventName": "ObjectCreated:Put", "eventTime": NOON.isoformat(), "s3": entity}
    return json.dumps({"Records": [record, {"broken": True}]}).encode()


def test_each_topic_states_its_part() -> None:
    board = Board(100)
    messages = Messages(board, "p.", DELAYS)
    messages.apply(message("image-uploads", notification("uploads/ann/cat.jpg")))
    messages.apply(message("image-classifications", encode(classified()), 300))
    messages.apply(message("image-rejections", encode(rejected("uploads/ann/x.jpg")), 300))
    messages.apply(message("pipeline-status", encode(status())))
    frame = board.frame(0, NOON)
    assert [(each.key, each.queued is not None, each.label, each.reason) for each in frame.pictures] == [
        ("uploads/ann/cat.jpg", True, "cat", None),
        ("uploads/ann/x.jpg", False, None, "undecodable"),
    ]
    (sink,) = board.condition.processes.all()
    assert sink.status.component == "sink"
    picture = board.picture(classified().id)
    assert picture is not None
    assert picture.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert messages.unreadable == 0


def test_a_status_of_a_megabyte_is_not_remembered() -> None:
    board = Board(100)
    messages = Messages(board, "p.", DELAYS)
    messages.apply(message("pipeline-status", encode(status(warning="x" * 1_000_000))))
    assert (board.condition.processes.all(), messages.unreadable) == ((), 1)


@pytest.mark.parametrize("topic", ["image-uploads", "image-classifications", "image-rejections", "pipeline-status"])
@pytest.mark.parametrize("value", [None, b"", b"\xff", b"{}", b"[]", b'{"id": 1}'])
def test_nonsense_stops_nothing(topic: str, value: bytes | None) -> None:
    board = Board(100)
    Messages(board, "p.", DELAYS).apply(message(topic, value))
    assert len(board) == 0
