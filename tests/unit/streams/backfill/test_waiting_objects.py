"""Which messages name which objects, and how many of them are remembered."""

from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest

from streams.backfill.waiting_objects import WAY, TooManyWait, WaitingObjects, named_by
from streams.contracts import topics
from streams.contracts.identity import image_id
from streams.contracts.topics import RETRY_TOPICS
from tests.notifications import notification


@dataclass(frozen=True)
class Message:
    key: bytes | None = None
    value: bytes | None = None


def ids(topic: str, message: Message) -> set[UUID]:
    return set(named_by(topic, message))


@pytest.mark.parametrize("topic", [topics.IMAGE_UPLOADS, *RETRY_TOPICS])
def test_an_upload_waits_by_what_its_message_says_whatever_its_key(topic: str) -> None:
    found = ids(topic, Message(b"another/key", notification("uploads/ann/a b.jpg")))
    assert found == {image_id("pets", "uploads/ann/a b.jpg")}


@pytest.mark.parametrize("topic", [topics.IMAGE_CLASSIFICATIONS, topics.IMAGE_REJECTIONS])
def test_a_result_that_is_not_stored_waits_by_its_key(topic: str) -> None:
    assert ids(topic, Message("pets/uploads/é/1.jpg".encode(), b"not read")) == {image_id("pets", "uploads/é/1.jpg")}


@pytest.mark.parametrize("topic", [topic for topic, _ in WAY])
@pytest.mark.parametrize("message", [Message(), Message(b"\xff", b"\xff"), Message(b"", b"{}")])
def test_what_names_no_object_is_passed(topic: str, message: Message) -> None:
    assert ids(topic, message) == set()


def test_every_topic_that_a_message_moves_to_is_read_after_the_one_it_comes_from() -> None:
    assert [topic for topic, _ in WAY] == [
        *(topics.IMAGE_UPLOADS, topics.IMAGE_UPLOADS_BULK),
        *RETRY_TOPICS,
        *(topics.IMAGE_CLASSIFICATIONS, topics.IMAGE_REJECTIONS),
    ]


def test_so_many_and_no_more_are_remembered() -> None:
    waiting, known = WaitingObjects(limit=3), [uuid4() for _ in range(3)]
    for each in (*known, *known):
        waiting.add(each)
    assert all(each in waiting for each in known)
    assert uuid4() not in waiting
    with pytest.raises(TooManyWait, match=r"look at the lag"):
        waiting.add(uuid4())
