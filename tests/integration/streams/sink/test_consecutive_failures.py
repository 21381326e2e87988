"""An exception that nobody foresaw costs one event, never the sink; and where all fail, nothing more is given up."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import msgspec
import pytest
from aiokafka.errors import MessageSizeTooLargeError
from structlog.testing import capture_logs

from persistence.errors import MassRefusal, PermanentPersistenceError, TransientPersistenceError
from persistence.store import Upserted
from streams.consumer.acknowledgement import InOrderAcknowledgement
from streams.consumer.batches import Batcher
from streams.consumer.intake import Intake
from streams.contracts import StorageDeadLetter, encode
from streams.runtime.outages import Outages
from streams.sink import agent as sink_agent
from streams.sink.agent import SinkAgent
from streams.sink.batch_upsert import BatchUpsert
from streams.sink.consecutive_failures import IN_A_ROW, ConsecutiveFailures, ConsecutiveFailuresError, UnforeseenError
from streams.sink.rows import Record, record_of
from tests.unit.streams.consumer.test_agents import Broker, Stream, classified, until


class Store:
    """A database whose driver has a bug with some keys."""

    def __init__(self, bug: Callable[[Record], bool]) -> None:
        self._bug = bug
        self.rows: list[str | None] = []
        self.statements = 0

    async def upsert_isolating(
        self, labels: Sequence[Record], rejections: Sequence[Record]
    ) -> tuple[Upserted, list[Any]]:
        self.statements += 1
        if any(self._bug(each) for each in labels):
            raise TypeError("an unforeseen thing")
        self.rows += [each.source_key for each in labels]
        return Upserted(inserted=len(labels), updated=0, stale=0), []


class Sinking:
    """The sink's agent over a stream that the test plays."""

    def __init__(self, *keys: str, bug: Callable[[Record], bool] = lambda _record: False) -> None:
        self.stream = Stream([encode(classified(key)) for key in keys], "image-classifications")
        self.store, self.broker, self.outages = Store(bug), Broker(), Outages()
        self.broker.confirms.set()
        store: Any = self.store
        broker: Any = self.broker
        batcher = Batcher(BatchUpsert(store, self.outages), max_size=50, max_wait_seconds=0)
        intake = Intake(InOrderAcknowledgement(), topics=[], topic_prefix="", max_in_flight=100)
        self.running = asyncio.create_task(SinkAgent(batcher, broker, intake, self.outages).run(self.stream))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)

    @property
    def letters(self) -> list[StorageDeadLetter]:
        return [msgspec.json.decode(value, type=StorageDeadLetter) for _, _, value, _ in self.broker.published]


def is_bad(record: Record) -> bool:
    return "bad" in (record.source_key or "")


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[Any]]:
    """Nobody draws the traces."""
    with capture_logs() as lines:
        yield lines


async def test_a_row_on_which_the_store_fails_is_a_dead_letter_and_its_neighbours_are_stored(logged: list[Any]) -> None:
    async with Sinking("a", "bad", "b", "c", bug=is_bad) as sink:
        await until(lambda: sink.stream.acked == [0, 1, 2, 3])
    (letter,) = sink.letters
    assert (letter.offset, letter.detail) == (1, "petstream itself failed on it: TypeError: an unforeseen thing")
    assert sorted(filter(None, sink.store.rows)) == ["a", "b", "c"]
    (failed,) = [line for line in logged if line["event"] == "event.failed"]
    assert isinstance(failed["exc_info"], TypeError)
    assert failed["exc_info"].__traceback__ is not None
    assert (failed["partition"], failed["offset"], failed["log_level"]) == (0, 1, "error")


async def test_an_event_on_which_the_agent_itself_fails_is_a_dead_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(event: Any, trace_id: str | None) -> Record:
        if event.key == "bad":
            raise LookupError("a lone surrogate: \ud800")
        return record_of(event, trace_id)

    monkeypatch.setattr(sink_agent, "record_of", fails)
    async with Sinking("bad", "a") as sink:
        await until(lambda: sink.stream.acked == [0, 1])
    (letter,) = sink.letters
    assert letter.id == classified("bad").id
    assert "LookupError" in letter.detail


async def test_where_everything_fails_the_sink_waits_and_gives_up_no_more() -> None:
    keys = [f"bad {number}" for number in range(2 * IN_A_ROW)]
    async with Sinking(*keys, bug=is_bad) as sink:
        await until(lambda: bool(sink.outages.current))
        await until(lambda: len(sink.letters) == IN_A_ROW - 1)
        for _ in range(200):
            await asyncio.sleep(0)
        (outage,) = sink.outages.current
        assert outage.component == "database"
        assert "the last 20 different events failed with unexpected exceptions" in outage.error
        assert len(sink.letters) == IN_A_ROW - 1
        assert len(sink.stream.acked) < len(keys)
        assert not sink.running.done()


async def test_one_success_shows_that_the_fault_is_the_events() -> None:
    keys = [f"bad {number}" for number in range(IN_A_ROW + 5)]
    async with Sinking(*keys, "good", bug=is_bad) as sink:
        async with asyncio.timeout(60):
            while len(sink.stream.acked) < len(keys) + 1:  # those that wait look again after a moment
                await asyncio.sleep(0.02)
        assert len(sink.letters) == len(keys)
        assert not sink.outages.current


@pytest.mark.parametrize("kind", [TransientPersistenceError, MassRefusal])
async def test_a_database_that_is_away_is_waited_for_and_nothing_is_halved(kind: type[Exception]) -> None:
    cause = PermanentPersistenceError("refused")
    error = MassRefusal("most", refused=2, rows=2, cause=cause) if kind is MassRefusal else kind("away")
    store: Any = Store(lambda _record: False)
    honest, failures = store.upsert_isolating, iter([error])

    async def sometimes(*records: Any) -> Any:
        for failure in failures:
            raise failure
        return await honest(*records)

    store.upsert_isolating = sometimes
    results = await BatchUpsert(store, Outages())([record_of(classified(key)) for key in "ab"])
    assert results == [None, None]
    assert store.statements == 1


async def test_a_letter_that_the_topic_does_not_take_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = Sinking("bad", bug=is_bad)
    sink.stream.events_to_come[0].value = encode(classified("bad")) + b" " * 200_000
    honest = sink.broker.publish

    async def small(topic: str, **letter: Any) -> None:
        if len(letter["value"]) > 100_000:
            raise MessageSizeTooLargeError
        await honest(topic, **letter)

    monkeypatch.setattr(sink.broker, "publish", small)
    async with sink:
        await until(lambda: sink.stream.acked == [0])
    (letter,) = sink.letters
    assert (letter.event_truncated, len(letter.event)) == (True, 65_536)


def test_the_same_event_counts_once() -> None:
    unforeseen, error = ConsecutiveFailures(in_a_row=3), UnforeseenError(TypeError("x"))
    for _ in range(5):
        unforeseen.failed("a", error)
    unforeseen.failed("b", error)
    with pytest.raises(ConsecutiveFailuresError):
        unforeseen.failed("c", error)
    unforeseen.failed("a", error)  # it may still be given up
    unforeseen.succeeded()
    unforeseen.failed("c", error)
