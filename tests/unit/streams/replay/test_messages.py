import json
from datetime import UTC, datetime
from urllib.parse import quote_plus
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contracts import StorageDeadLetter, encode
from streams.contracts.cloudevents import headers
from streams.replay.messages import NotReplayable, Once, OutgoingMessage, result_message, result_of, upload_message
from tests.sinking import classified
from tests.unit.streams.sink.test_rows import rejected

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def notification(*keys: str) -> bytes:
    return json.dumps(
        {
            "Records": [
                {
                    "eventName": "ObjectCreated:Put",
                    "eventTime": "2026-03-01T12:00:00Z",
                    "s3": {"bucket": {"name": "pets"}, "object": {"key": quote_plus(key)}},
                }
                for key in keys
            ]
        }
    ).encode()


def letter(event: bytes, topic: str = "image-classifications") -> StorageDeadLetter:
    return StorageDeadLetter(
        id=UUID(int=1),
        topic=topic,
        partition=0,
        offset=0,
        sqlstate="23514",
        constraint="no_carl",
        detail="",
        failed_at=NOON,
        event=event,
    )


def test_a_replayed_upload_is_the_original_on_the_partition_of_its_object() -> None:
    event = notification("uploads/ann/a+b é.jpg", "other.jpg")
    assert upload_message(event) == OutgoingMessage("image-uploads-bulk", "pets/uploads/ann/a+b é.jpg".encode(), event)


@given(st.binary())
def test_any_stored_bytes_can_be_replayed_as_they_are(event: bytes) -> None:
    assert upload_message(event).value == event


def test_a_message_that_named_several_objects_is_published_once() -> None:
    first, event = Once(), notification("1", "2")
    assert [first(upload_message(each)) for each in (event, event, notification("1"), event)] == [
        True,
        False,
        True,
        False,
    ]


def test_the_same_bytes_for_another_topic_are_another_message() -> None:
    first = Once()
    assert first(OutgoingMessage("image-classifications", None, b"{}"))
    assert first(OutgoingMessage("image-rejections", None, b"{}"))


@pytest.mark.parametrize(
    ("event", "topic"),
    [
        (classified("pets", "uploads/carl/é.jpg", user_name="carl"), "image-classifications"),
        (rejected("uploads/carl/é.jpg"), "image-rejections"),
    ],
    ids=["classified", "rejected"],
)
def test_a_refused_result_is_replayed_as_it_was_published(event: object, topic: str) -> None:
    body = encode(event)  # type: ignore[arg-type]  # both are events
    refused = letter(body, topic)
    trace = ("traceparent", b"00-t")
    message = result_message(refused, result_of(refused), [trace, ("ce_id", b"that of the letter")])
    assert message == OutgoingMessage(topic, "pets/uploads/carl/é.jpg".encode(), body, headers(event, [trace]))  # type: ignore[arg-type]


def test_a_result_that_names_no_object_has_no_key() -> None:
    event = msgspec.structs.replace(
        rejected("k"), bucket=None, key=None, image_url=None, id=uuid4(), reason="malformed_event"
    )
    refused = letter(encode(event), "image-rejections")
    assert result_message(refused, result_of(refused), []).key is None


@pytest.mark.parametrize(
    "refused",
    [
        letter(b"not JSON"),
        letter(b"{}"),
        letter(encode(classified("pets", "k")), "image-rejections"),
        letter(encode(classified("pets", "k")), "image-uploads"),
        letter(encode(classified("pets", "k", user_name="nul\0"))),
    ],
    ids=["no JSON", "no result", "another topic's", "no topic of results", "what no row holds"],
)
def test_what_would_be_refused_again_is_not_replayed(refused: StorageDeadLetter) -> None:
    with pytest.raises(NotReplayable):
        result_of(refused)
