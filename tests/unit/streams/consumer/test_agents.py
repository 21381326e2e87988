"""The two agents over a stream that the test plays: what is acknowledged, and when."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Self
from uuid import uuid4

import msgspec
import pytest
from aiokafka.errors import MessageSizeTooLargeError

from persistence.errors import PermanentPersistenceError
from streams.classify.agent import ClassifyAgent
from streams.classify.circuits import Circuits
from streams.classify.outcomes import Outcome
from streams.classify.retry_or_reject import Retry
from streams.consumer.acknowledgement import InOrderAcknowledgement
from streams.consumer.batches import Batcher
from streams.consumer.intake import Intake
from streams.contracts import ImageClassified, ImageRejected, Model, Scores, StorageDeadLetter, encode
from streams.contracts.cloudevents import Headers
from streams.contracts.identity import NO_SEQUENCER, image_id
from streams.notifications.single_object import MAX_RECORDS
from streams.notifications.upload import ImageUploaded, Malformed, parse
from streams.retry.attempt import Attempt, read
from streams.retry.schedule import Schedule
from streams.runtime import metrics
from streams.runtime.excerpts import KEPT_BYTES, is_marked
from streams.runtime.outages import Outages
from streams.sink.agent import SinkAgent
from streams.sink.batch_upsert import RowResult
from streams.sink.rows import Record
from tests.notifications import notification

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MODEL = Model(name="m", version="1", rev=1, sha256="0" * 64)


class Event:
    def __init__(
        self, offset: int, value: bytes | None, acked: list[int], topic: str, headers: Headers | None = None
    ) -> None:
        self.value, self._acked = value, acked
        self.stays_ours = True
        self.message = SimpleNamespace(
            tp=(topic, 0),
            generation_id=1,
            offset=offset,
            partition=0,
            topic=topic,
            timestamp=NOW.timestamp(),
            headers=tuple(headers or [("traceparent", TRACE)]),
        )

    def ack(self) -> None:
        self._acked.append(self.message.offset)

    def is_ours(self) -> bool:
        return self.stays_ours


class Stream:
    """Gives its events, then waits for ever, as a topic does."""

    def __init__(self, values: Sequence[bytes | None], topic: str, headers: Headers | None = None) -> None:
        self.acked: list[int] = []
        self.events_to_come = [Event(offset, value, self.acked, topic, headers) for offset, value in enumerate(values)]

    def noack(self) -> "Stream":
        return self

    async def events(self) -> AsyncIterator[Event]:
        for event in self.events_to_come:
            yield event
            await asyncio.sleep(0)
        await asyncio.Event().wait()


@dataclass
class Broker:
    """A publisher whose confirmations the test may hold back."""

    published: list[tuple[str, bytes | None, bytes, Headers]] = field(default_factory=list)
    confirms: asyncio.Event = field(default_factory=asyncio.Event)
    too_small: str | None = None
    """A topic that takes nothing."""
    takes: int = 4_000_000
    """Bytes of a message, at most."""

    async def publish(self, topic: str, *, key: bytes | None, value: bytes, headers: Headers) -> None:
        if topic == self.too_small or len(value) > self.takes:
            raise MessageSizeTooLargeError
        self.published.append((topic, key, value, headers))
        await self.confirms.wait()

    def topics(self) -> list[str]:
        return [topic for topic, *_ in self.published]


class Verdicts:
    """The use case, with an outcome for each key; ``bug…`` raises, ``gone`` and ``hangs`` are put off."""

    def __init__(self) -> None:
        self.attempts: list[Attempt | None] = []

    async def __call__(self, upload: ImageUploaded, message: bytes, attempt: Attempt | None = None) -> Outcome | Retry:
        self.attempts.append(attempt)
        await asyncio.sleep(0)
        if upload.key.startswith("bug"):
            raise RuntimeError("a bug")
        if upload.key == "hangs":
            return Retry("decoder_crashed", "it took more than 0.3 s")
        return Retry("missing", "NoSuchKey") if upload.key == "gone" else classified(upload.key)

    def rejected(self, upload: ImageUploaded, why: Retry, message: bytes) -> Outcome:
        return rejected(why.reason, message)

    def malformed(self, record: Malformed, received: datetime, message: bytes) -> Outcome:
        return rejected("malformed_event", message)


def classified(key: str) -> ImageClassified:
    return ImageClassified(
        id=image_id("pets", key),
        user_name="ann",
        image_url=f"s3://pets/{key}",
        bucket="pets",
        key=key,
        version_id=None,
        etag=None,
        sequencer=NO_SEQUENCER,
        classification="cat",
        confidence=0.9,
        scores=Scores(cat=0.9, dog=0.1, neither=0),
        processing_time_ms=1,
        uploaded_at=NOW,
        classified_at=NOW,
        model=MODEL,
    )


def rejected(reason: Any, message: bytes) -> ImageRejected:
    return ImageRejected(
        id=uuid4(),
        user_name=None,
        image_url=None,
        bucket=None,
        key=None,
        version_id=None,
        etag=None,
        sequencer=NO_SEQUENCER,
        reason=reason,
        detail="",
        uploaded_at=NOW,
        rejected_at=NOW,
        model=MODEL,
        upload_event=message,
    )


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0)


async def idle(batch: Sequence[Any]) -> list[Any]:
    return list(batch)


class Classifying:
    def __init__(
        self,
        *values: bytes | None,
        topic: str = "image-uploads",
        headers: Headers | None = None,
        max_in_flight: int = 100,
    ) -> None:
        self.stream = Stream(values, topic, headers)
        self.broker = Broker()
        self.acknowledgement: InOrderAcknowledgement[Any] = InOrderAcknowledgement()
        batcher: Batcher[Any, Any] = Batcher(idle, max_size=1, max_wait_seconds=0)
        self.verdicts = Verdicts()
        self.circuit = Circuits(Outages()).classifier
        verdicts: Any = self.verdicts
        broker: Any = self.broker
        intake = Intake(self.acknowledgement, topics=[], topic_prefix="", max_in_flight=max_in_flight)
        agent = ClassifyAgent(
            verdicts,
            batcher,
            broker,
            intake,
            schedule=Schedule.of((60, 600, 3600), 24),
            circuit=self.circuit,
            now=lambda: NOW,
        )
        self.running = asyncio.create_task(agent.run(self.stream))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)


async def test_an_upload_that_fits_its_topic_and_no_retry_topic_is_rejected_at_once() -> None:
    async with Classifying(notification("gone")) as agent:
        agent.broker.too_small = "image-uploads-retry-1m"  # as it is by the few bytes of the headers
        agent.broker.confirms.set()
        await until(lambda: agent.stream.acked == [0])
        assert agent.broker.topics() == ["image-rejections"]


@pytest.mark.parametrize("message", [b"x" * 1_000_000, notification("gone") + b" " * 1_000_000])
async def test_a_rejection_that_a_topic_does_not_take_whole_is_cut_and_ends_nobody(message: bytes) -> None:
    """As where image-rejections was made by hand, with Kafka's default of one megabyte."""
    async with Classifying(message, notification("a")) as agent:
        agent.broker.takes = 1_000_000
        agent.broker.confirms.set()
        await until(lambda: agent.stream.acked == [0, 1])
        (value,) = (value for topic, _, value, _ in agent.broker.published if topic == "image-rejections")
        told = msgspec.json.decode(value, type=ImageRejected)
        assert told.upload_event == message[:KEPT_BYTES]
        assert told.upload_event_truncated
        assert is_marked(told.detail)


async def test_nothing_is_acknowledged_before_the_broker_confirmed_it() -> None:
    async with Classifying(notification("a"), notification("b")) as agent:
        await until(lambda: len(agent.broker.published) == 2)
        assert agent.stream.acked == []
        agent.broker.confirms.set()
        await until(lambda: agent.stream.acked == [0, 1])


async def test_a_message_is_acknowledged_once_all_its_objects_have_outcomes() -> None:
    async with Classifying(notification("a", "b", "c")) as agent:
        agent.broker.confirms.set()
        await until(lambda: agent.stream.acked == [0])
        assert agent.broker.topics() == ["image-classifications"] * 3


async def test_what_asks_for_nothing_is_acknowledged_without_a_word() -> None:
    async with Classifying(b'{"Event": "s3:TestEvent"}', b'{"Records": []}') as agent:
        await until(lambda: agent.stream.acked == [0, 1])
        assert agent.broker.published == []


async def test_a_message_that_is_no_notification_becomes_a_rejection_without_a_key() -> None:
    async with Classifying(b"not json", None) as agent:
        agent.broker.confirms.set()
        await until(lambda: agent.stream.acked == [0, 1])
        topic, key, value, _ = agent.broker.published[0]
        assert (topic, key) == ("image-rejections", None)
        assert msgspec.json.decode(value)["reason"] == "malformed_event"


@pytest.mark.parametrize(
    ("topic", "origin", "counted"),
    [
        ("image-uploads", "", 1),
        ("image-uploads-bulk", "", 0),
        ("image-uploads-retry-1m", "image-uploads", 1),
        ("image-uploads-retry-1m", "image-uploads-bulk", 0),
    ],
)
async def test_what_was_uploaded_long_ago_is_no_measure_of_latency(topic: str, origin: str, counted: int) -> None:
    def observed() -> float:
        (family,) = metrics.RESULT_LATENCY.collect()
        return next(sample.value for sample in family.samples if sample.name.endswith("_count"))

    before = observed()
    attempt = Attempt(1, NOW, "missing", "404", origin, 0, 7).headers() if origin else None
    async with Classifying(notification("a"), topic=topic, headers=attempt) as agent:
        agent.broker.confirms.set()
        await until(lambda: agent.stream.acked == [0])
    assert observed() - before == counted


async def test_outcomes_carry_key_context_and_trace() -> None:
    async with Classifying(notification("a b")) as agent:
        await until(lambda: bool(agent.broker.published))
        _, key, _, headers = agent.broker.published[0]
        assert key == b"pets/a b"
        assert dict(headers)["traceparent"] == TRACE


async def test_what_cannot_be_decided_is_parked_and_confirmed_before_it_is_acknowledged() -> None:
    async with Classifying(notification("a"), notification("gone")) as agent:
        await until(lambda: len(agent.broker.published) == 2)
        assert agent.stream.acked == []
        topic, key, value, headers = next(each for each in agent.broker.published if "retry" in each[0])
        assert (topic, key, value) == ("image-uploads-retry-1m", b"pets/gone", notification("gone"))
        assert read(headers, now=NOW) == Attempt(1, NOW, "missing", "NoSuchKey", "image-uploads", 0, 1)
        assert dict(headers)["traceparent"] == TRACE
        agent.broker.confirms.set()
        await until(lambda: agent.stream.acked == [0, 1])


RETRIED = "image-uploads-retry-1m"


async def test_an_upload_that_comes_again_knows_its_attempts_and_the_last_one_rejects_it() -> None:
    before = Attempt(1, NOW - timedelta(minutes=1), "missing", "NoSuchKey", "image-uploads", 2, 17)
    async with Classifying(notification("gone"), topic=RETRIED, headers=before.headers()) as agent:
        agent.broker.confirms.set()
        await until(lambda: agent.stream.acked == [0])
        assert agent.verdicts.attempts == [before]
        ((topic, _, value, _),) = agent.broker.published
        assert (topic, msgspec.json.decode(value)["reason"]) == ("image-rejections", "missing")


async def test_a_picture_that_came_late_and_then_hung_is_tried_by_itself_before_it_is_rejected() -> None:
    before = Attempt(1, NOW - timedelta(minutes=1), "missing", "NoSuchKey", "image-uploads", 2, 17)
    async with Classifying(notification("hangs"), topic=RETRIED, headers=before.headers()) as agent:
        agent.broker.confirms.set()
        await until(lambda: agent.stream.acked == [0])
        ((topic, _, _, headers),) = agent.broker.published
        assert topic == "image-uploads-retry-10m"
        made = read(headers, now=NOW)
        assert made.is_suspect
        assert made.has_full_time
    async with Classifying(notification("hangs"), topic=topic, headers=made.headers()) as agent:
        agent.broker.confirms.set()
        await until(lambda: agent.stream.acked == [0])
        ((topic, _, value, _),) = agent.broker.published
        assert (topic, msgspec.json.decode(value)["reason"]) == ("image-rejections", "decoder_crashed")


async def test_of_many_records_in_one_message_each_travels_by_itself_and_equal_ones_once() -> None:
    message = b'{"Records":[' + b",".join([b"{}"] * 5000 + [b'{"a":1}']) + b"]}"
    async with Classifying(message) as agent:
        agent.broker.confirms.set()
        await until(lambda: agent.stream.acked == [0])
        events = [msgspec.json.decode(value, type=ImageRejected) for _, _, value, _ in agent.broker.published]
        assert [event.reason for event in events] == ["malformed_event"] * 2
        assert [event.upload_event for event in events] == [b'{"Records":[{}]}', b'{"Records":[{"a":1}]}']


async def test_the_uploads_of_a_message_that_names_very_many_wait_where_they_hold_up_nobody() -> None:
    keys = [f"{number}" for number in range(MAX_RECORDS + 50)]
    async with Classifying(notification(*keys), notification("a")) as agent:
        agent.broker.confirms.set()
        await until(lambda: agent.stream.acked == [0, 1])
        parked = [(key, value) for topic, key, value, _ in agent.broker.published if topic == RETRIED]
        assert sorted(key for key, _ in parked if key) == sorted(f"pets/{key}".encode() for key in keys)
        assert all(len(parse(value)) == 1 for _, value in parked)
        assert agent.broker.topics().count("image-classifications") == 1


async def test_a_copy_that_fails_again_leaves_its_original_waiting() -> None:
    copy = Attempt(1, NOW, "unavailable", "503", "image-uploads", 2, 17, is_copy=True)
    async with Classifying(notification("gone"), notification("a"), topic=RETRIED, headers=copy.headers()) as agent:
        agent.broker.confirms.set()
        await until(lambda: agent.stream.acked == [0, 1])
        assert agent.broker.topics() == ["image-classifications"]


async def test_a_copy_goes_the_way_of_every_upload_and_is_dropped_if_it_fails() -> None:
    copy = Attempt(3, NOW, "unavailable", "503", "image-uploads", 2, 17, is_copy=True)
    async with Classifying(notification("gone"), notification("a"), headers=copy.headers()) as agent:
        agent.broker.confirms.set()
        await until(lambda: agent.stream.acked == [0, 1])
        assert agent.broker.topics() == ["image-classifications"]
        assert agent.verdicts.attempts == [None, None], "a copy must not take its time where others wait"


async def test_a_parked_upload_whose_partition_went_away_while_it_waited_for_its_turn_is_left_to_its_next_owner() -> (
    None
):
    suspect = Attempt(1, NOW, "decoder_crashed", "it hung", "image-uploads", 2, 17)
    async with Classifying(notification("a"), topic=RETRIED, headers=suspect.headers()) as agent:
        agent.stream.events_to_come[0].stays_ours = False
        agent.broker.confirms.set()
        await until(lambda: agent.stream.acked == [0])  # what an event of an intake that lost it does not heed
        assert agent.verdicts.attempts == []
        assert agent.broker.published == []


async def test_an_error_that_nobody_foresaw_parks_its_upload_and_stops_nobody(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with Classifying(notification("a"), notification("bug"), notification("b")) as agent:
        agent.broker.confirms.set()
        await until(lambda: agent.stream.acked == [0, 1, 2])
        assert sorted(agent.broker.topics()) == ["image-classifications"] * 2 + [RETRIED]
        assert "RuntimeError: a bug" in capsys.readouterr().out
        assert not agent.circuit.is_open


async def test_once_every_message_fails_nothing_more_is_parked() -> None:
    async with Classifying(*(notification(f"bug {number}") for number in range(40))) as agent:
        agent.broker.confirms.set()
        agent.circuit._seconds = 0  # so that no time has to pass
        await until(lambda: agent.circuit.is_open)
        for _ in range(200):
            await asyncio.sleep(0)
        assert agent.circuit.is_open
        assert agent.broker.topics().count(RETRIED) < 8
        assert agent.stream.acked == list(range(len(agent.stream.acked)))


async def test_no_more_is_taken_than_may_be_in_flight() -> None:
    async with Classifying(*(notification(str(i)) for i in range(9)), max_in_flight=3) as agent:
        await until(lambda: len(agent.broker.published) == 3)
        for _ in range(50):
            await asyncio.sleep(0)
        assert agent.acknowledgement.pending == 3
        agent.broker.confirms.set()
        await until(lambda: agent.stream.acked == list(range(9)))


class Sinking:
    def __init__(self, *values: bytes | None, refuse: frozenset[str] = frozenset()) -> None:
        self.stream = Stream(values, "test.image-classifications")
        self.broker = Broker()
        self.commits = asyncio.Event()
        self.stored: list[Record] = []

        async def store(records: Sequence[Record]) -> list[RowResult]:
            await self.commits.wait()
            self.stored += records
            return [
                PermanentPersistenceError("refused", sqlstate="23514", constraint="c")
                if r.source_key in refuse
                else None
                for r in records
            ]

        batcher = Batcher(store, max_size=10, max_wait_seconds=0)
        broker: Any = self.broker
        intake = Intake(InOrderAcknowledgement(), topics=[], topic_prefix="test.", max_in_flight=100)
        agent = SinkAgent(batcher, broker, intake, Outages())
        self.running = asyncio.create_task(agent.run(self.stream))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)


async def test_an_event_is_acknowledged_only_after_its_row_is_committed() -> None:
    async with Sinking(encode(classified("a")), encode(classified("b"))) as sink:
        for _ in range(50):
            await asyncio.sleep(0)
        assert sink.stream.acked == []
        sink.commits.set()
        await until(lambda: sink.stream.acked == [0, 1])
        assert [record.source_key for record in sink.stored] == ["a", "b"]


async def test_a_refused_row_becomes_a_dead_letter_before_it_is_acknowledged() -> None:
    events = [encode(classified(key)) for key in ("a", "bad", "b")]
    async with Sinking(*events, refuse=frozenset({"bad"})) as sink:
        sink.commits.set()
        await until(lambda: bool(sink.broker.published))
        assert sink.stream.acked == [0]
        sink.broker.confirms.set()
        await until(lambda: sink.stream.acked == [0, 1, 2])
        topic, _, value, _ = sink.broker.published[0]
        letter = msgspec.json.decode(value, type=StorageDeadLetter)
        assert topic == "storage-dead-letters"
        assert (letter.sqlstate, letter.constraint, letter.offset, letter.event) == ("23514", "c", 1, events[1])
        assert letter.topic == "image-classifications"


@pytest.mark.parametrize(
    "value",
    [b"not json", None, b"{}", encode(msgspec.structs.replace(classified("k"), user_name="nul\x00"))],
    ids=["no json", "no value", "no contract", "no row can hold it"],
)
async def test_an_event_that_no_row_can_hold_is_a_dead_letter_at_once(value: bytes | None) -> None:
    async with Sinking(value, encode(classified("a"))) as sink:
        sink.commits.set()
        sink.broker.confirms.set()
        await until(lambda: sink.stream.acked == [0, 1])
        assert sink.broker.topics() == ["storage-dead-letters"]
        assert msgspec.json.decode(sink.broker.published[0][2], type=StorageDeadLetter).event == (value or b"")
