"""What is read of the results before the board's start: all of few, and a sample of many."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition

from streams.board.history import DAY, History
from streams.board.history_reader import SAMPLE, Unread, read
from streams.contracts import encode
from streams.kafka.consumer import Consumer
from tests.board_events import NOON, classified, rejected

CLASSIFIED = [TopicPartition("a.image-classifications", number) for number in range(2)]
REJECTED = [TopicPartition("a.image-rejections", 0)]


class Kafka:
    """A consumer of topics in memory. Answers as aiokafka does, some messages at a time."""

    def __init__(self, log: Mapping[TopicPartition, list[datetime]], beginning: int = 0) -> None:
        self._log = log
        self._beginning = beginning
        self._positions: dict[TopicPartition, int] = {}
        self.questions = self.given = 0

    async def beginning_offsets(self, of: Any) -> dict[TopicPartition, int]:
        return dict.fromkeys(of, self._beginning)

    async def offsets_for_times(self, times: Mapping[TopicPartition, int]) -> dict[TopicPartition, Any]:
        self.questions += 1
        return {at: self._first(at, milliseconds) for at, milliseconds in times.items()}

    def _first(self, at: TopicPartition, milliseconds: int) -> Any:
        for offset, moment in enumerate(self._log[at], self._beginning):
            if moment.timestamp() * 1000 >= milliseconds:
                return SimpleNamespace(offset=offset, timestamp=moment.timestamp() * 1000)
        return None

    def assign(self, partitions: list[TopicPartition]) -> None:
        self._positions = dict.fromkeys(partitions, 0)

    def seek(self, at: TopicPartition, offset: int) -> None:
        self._positions[at] = offset

    async def position(self, at: TopicPartition) -> int:
        return self._positions[at]

    def unsubscribe(self) -> None:
        self._positions = {}

    async def getmany(self, *partitions: TopicPartition, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        found = {}
        for at in partitions:
            start = self._positions[at]
            self._positions[at] = min(start + 25, self._beginning + len(self._log[at]))
            found[at] = [self._message(at, offset) for offset in range(start, self._positions[at])]
            self.given += len(found[at])
        return found

    def _message(self, at: TopicPartition, offset: int) -> Any:
        moment = self._log[at][offset - self._beginning]
        event = rejected() if at in REJECTED else classified(uploaded_at=moment, took_ms=250)
        return SimpleNamespace(topic=at.topic, offset=offset, value=encode(event), timestamp=moment.timestamp() * 1000)


def ago(minutes: float) -> datetime:
    return NOON - timedelta(minutes=minutes)


async def history_of(kafka: Kafka, until: int, read_before: int = 0, since: datetime | None = None) -> History:
    partitions = list(kafka._log)
    before = dict.fromkeys(partitions, read_before) if read_before else {}
    ends = {at: min(until, kafka._beginning + len(kafka._log[at])) for at in partitions}
    results, known_since = await read(cast("Consumer", kafka), Unread(before, ends, since, NOON))
    history = History()
    history.fill(results, known_since, NOON)
    return history


async def test_few_results_are_all_read_up_to_where_the_board_begins_itself() -> None:
    times = [ago(1200), ago(1199), ago(30), ago(30), ago(1)]
    history = await history_of(Kafka({CLASSIFIED[0]: times, CLASSIFIED[1]: [], REJECTED[0]: [ago(30)]}), until=4)
    hour, day = history.view("hour", NOON), history.view("day", NOON)
    assert (hour.cat[-31], hour.rejected[-31], sum(filter(None, hour.cat))) == (2, 1, 2)
    assert (day.cat[-81], sum(filter(None, day.cat))) == (2, 4)
    assert hour.p50[-31] == pytest.approx(250, rel=0.05)
    assert None not in day.cat  # Kafka has deleted nothing: there were no results


async def test_of_many_a_sample_is_read_and_all_are_counted() -> None:
    busy = [ago(40) + timedelta(milliseconds=4 * number) for number in range(10_000)]
    kafka = Kafka({CLASSIFIED[0]: busy, CLASSIFIED[1]: busy[:5_000], REJECTED[0]: []})
    history = await history_of(kafka, until=10_000)
    assert history.view("hour", NOON).cat[-41] == 15_000
    assert kafka.given <= 2 * (SAMPLE + 25)
    assert kafka.questions < 40


async def test_what_kafka_has_deleted_is_a_gap() -> None:
    kafka = Kafka({CLASSIFIED[0]: [ago(20), ago(10)], CLASSIFIED[1]: []}, beginning=70)
    view = (await history_of(kafka, until=72)).view("hour", NOON)
    assert view.cat[-22:-19] == [None, 1, 0]


async def test_after_an_outage_only_what_was_not_read_is_read() -> None:
    times = [ago(minutes) for minutes in (50, 9, 8, 7, 1)]
    history = await history_of(Kafka({CLASSIFIED[0]: times}), until=4, read_before=2, since=ago(10))
    view = history.view("hour", NOON)
    assert view.cat[-12:] == [None, 0, 0, 1, 1, *([0] * 6), 0]
    assert view.cat[-13] is None


async def test_periods_of_a_whole_day_are_few_and_follow_without_holes() -> None:
    every = [NOON - DAY + timedelta(minutes=minutes) for minutes in range(24 * 60)]
    kafka = Kafka({CLASSIFIED[0]: every})
    history = await history_of(kafka, until=len(every))
    assert history.view("hour", NOON + timedelta(seconds=1)).cat == [1] * 60 + [0]
    assert history.view("day", NOON).cat == [15] * 96 + [0]
    assert kafka.questions < 400
