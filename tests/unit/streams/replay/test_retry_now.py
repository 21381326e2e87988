"""What is published for uploads that wait: one copy of each version, marked as one."""

from collections.abc import AsyncIterator
from dataclasses import replace

from streams.replay.messages import OutgoingMessage
from streams.replay.retry_now import RetryCounts, copy_of, retry_now
from streams.retry.attempt import read
from streams.retry.waiting import Waiting
from tests.notifications import notification
from tests.unit.streams.retry.test_waiting import ATTEMPT, NOW, found


class Publisher:
    def __init__(self) -> None:
        self.published: list[OutgoingMessage] = []
        self.is_flushed = False

    async def publish(self, message: OutgoingMessage) -> None:
        self.published.append(message)

    async def flush(self) -> None:
        self.is_flushed = True


async def each(*waiting: Waiting) -> AsyncIterator[Waiting]:
    for one in waiting:
        yield one


async def retried(*waiting: Waiting) -> tuple[RetryCounts, list[OutgoingMessage]]:
    publisher = Publisher()
    done = await retry_now(each(*waiting), publisher)  # type: ignore[arg-type]
    assert publisher.is_flushed
    return done, publisher.published


def waiting(key: str, sequencer: str = "0A") -> Waiting:
    return replace(found(), key=f"pets/{key}".encode(), body=notification(key, sequencer=sequencer))


def test_a_copy_is_the_notification_as_it_came_marked_with_the_attempts_and_the_trace() -> None:
    original = replace(found(), headers=(*found().headers, ("traceparent", b"00-t"), ("other", None)))
    copy = copy_of(original)
    assert (copy.topic, copy.key, copy.value) == ("image-uploads", original.key, original.body)
    assert read(copy.headers, now=NOW) == replace(ATTEMPT, is_copy=True)
    assert [value for name, value in copy.headers if name == "traceparent"] == [b"00-t"]


async def test_a_version_that_waits_twice_is_published_once_and_another_version_of_it_too() -> None:
    twice = replace(waiting("a", "0A"), body=waiting("a", "0A").body + b" ")
    done, published = await retried(waiting("a", "0A"), waiting("a", "0A"), twice, waiting("a", "0B"), waiting("b"))
    assert done == RetryCounts(uploads=5, messages=3)
    assert [message.key for message in published] == [b"pets/a", b"pets/a", b"pets/b"]


async def test_what_names_no_object_is_published_too() -> None:
    nothing = replace(found(), key=None, body=b"nonsense")
    done, published = await retried(nothing, nothing)
    assert (done.messages, published[0].key) == (1, None)


async def test_pictures_that_hang_a_decoder_are_left_where_they_hold_up_nobody() -> None:
    suspect = replace(waiting("a"), attempt=replace(ATTEMPT, reason="decoder_crashed"))
    assert await retried(suspect) == (RetryCounts(suspects=1), [])


async def test_without_a_publisher_all_is_counted_and_nothing_published() -> None:
    assert await retry_now(each(waiting("a")), None) == RetryCounts(uploads=1, messages=1)
