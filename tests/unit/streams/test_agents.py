"""The two agents over a stream that the test plays: what is acknowledged, and when."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Self
from uuid import uuid4

import msgspec
import pytest

from persistence.errors import PermanentPersistenceError
from streams.acknowledgement import InOrderAcknowledgement
from streams.batches import Batcher
from streams.classify_agent import ClassifyAgent
from streams.cloudevents import Headers
from streams.contracts import ImageClassified, ImageRejected, Model, Scores, StorageDeadLetter, encode
from streams.identity import NO_SEQUENCER, image_id
from streams.intake import Intake
from streams.outages import Outages
from streams.outcomes import Outcome
from streams.rows import Record
from streams.sink_agent import SinkAgent
from streams.uploads import ImageUploaded, Malformed
from tests.unit.streams.notifications import notification

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MODEL = Model(name="m", version="1", rev=1, sha256="0" * 64)


class Event:
    def __init__(self, offset: int, value: bytes | None, acked: list[int], topic: str) -> None:
        self.value, self._acked = value, acked
        self.message = SimpleNamespace(
            tp=(topic, 0),
            generation_id=1,
            offset=offset,
            partition=0,
            topic=topic,
            timestamp=NOW.timestamp(),
            headers=(("traceparent", TRACE),),
        )

    def ack(self) -> None:
        self._acked.append(self.message.offset)


class Stream:
    """Gives its events, then waits for ever, as a topic does."""

    def __init__(self, values: Sequence[bytes | None], topic: str) -> None:
        self.acked: list[int] = []
        self._events = [Event(offset, value, self.acked, topic) for offset, value in enumerate(values)]

    def noack(self) -> "Stream":
        return self

    async def events(self) -> AsyncIterator[Event]:
        for event in self._events:
            yield event
            await asyncio.sleep(0)
        await asyncio.Event().wait()


@dataclass
class Broker:
    """A publisher whose confirmations the test may hold back."""

    published: list[tuple[str, bytes | None, bytes, Headers]] = field(default_factory=list)
    confirms: asyncio.Event = field(default_factory=asyncio.Event)

    async def publish(self, topic: str, *, key: bytes | None, value: bytes, headers: Headers) -> None:
        self.published.append((topic, key, value, headers))
        await self.confirms.wait()

    def topics(self) -> list[str]:
        return [topic for topic, *_ in self.published]


class Verdicts:
    """The use case, with an outcome for each key; ``bug`` raises."""

    async def __call__(self, upload: ImageUploaded, message: bytes) -> Outcome:
        await asyncio.sleep(0)
        if upload.key == "bug":
            raise RuntimeError("a bug")
        return classified(upload.key)

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
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0)


async def idle(batch: Sequence[Any]) -> list[Any]:
    return list(batch)


class Classifying:
    def __init__(self, *values: bytes | None, max_in_flight: int = 100) -> None:
        self.stream = Stream(values, "image-uploads")
        self.broker = Broker()
        self.acknowledgement: InOrderAcknowledgement[Any] = InOrderAcknowledgement()
        batcher: Batcher[Any, Any] = Batcher(idle, max_size=1, max_wait_seconds=0)
        verdicts: Any = Verdicts()
        broker: Any = self.broker
        intake = Intake(self.acknowledgement, topic_prefix="", max_in_flight=max_in_flight)
        agent = ClassifyAgent(verdicts, batcher, broker, intake)
        self.running = asyncio.create_task(agent.run(self.stream))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)


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


async def test_outcomes_carry_key_context_and_trace() -> None:
    async with Classifying(notification("a b")) as agent:
        await until(lambda: bool(agent.broker.published))
        _, key, _, headers = agent.broker.published[0]
        assert key == b"pets/a b"
        assert dict(headers)["traceparent"] == TRACE


async def test_a_bug_stops_the_agent_and_acknowledges_nothing_at_or_after_it() -> None:
    async with Classifying(notification("a"), notification("bug"), notification("b")) as agent:
        agent.broker.confirms.set()
        with pytest.raises(ExceptionGroup) as caught:
            await asyncio.wait_for(agent.running, 5)
        assert caught.group_contains(RuntimeError, match="a bug")
        assert set(agent.stream.acked) <= {0}


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

        async def store(records: Sequence[Record]) -> list[PermanentPersistenceError | None]:
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
        intake = Intake(InOrderAcknowledgement(), topic_prefix="test.", max_in_flight=100)
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
