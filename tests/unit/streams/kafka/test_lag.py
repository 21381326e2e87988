"""What counts as waiting, and whose partitions are shown."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from streams.consumer import faust_app
from streams.kafka.lag import Lag, lag_of
from streams.runtime import metrics
from streams.runtime.settings import KafkaSettings, load

FIRST, SECOND = TopicPartition("test.image-uploads", 0), TopicPartition("test.image-uploads", 1)


@pytest.mark.parametrize(
    ("committed", "beginning", "end", "waiting"),
    [
        (None, 0, 7, 7),  # a group's first day
        (3, 0, 7, 4),
        (7, 0, 7, 0),
        (None, 5, 7, 2),  # the log's head is deleted already
        (3, 5, 7, 2),  # what was waiting at 3 and 4 is lost, so nobody waits for it
        (9, 0, 7, 0),  # the end is from a moment ago
    ],
)
def test_waiting_is_what_lies_between_the_commit_and_the_end(
    committed: int | None, beginning: int, end: int, waiting: int
) -> None:
    assert lag_of(frozenset([FIRST]), {FIRST: committed}, {FIRST: beginning}, {FIRST: end}) == {FIRST: waiting}


class Kafka:
    """Stands for the consumer of Faust and for the client beside it."""

    def __init__(self) -> None:
        self.owned = {FIRST, SECOND}
        self.lost_while_asked: set[TopicPartition] = set()

    def committed_offsets(self) -> dict[TopicPartition, int | None]:
        return {FIRST: 2, SECOND: None}

    def assignment(self) -> set[TopicPartition]:
        return set(self.owned)

    async def topics(self) -> set[str]:
        return {FIRST.topic}

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        self.owned -= self.lost_while_asked
        return dict.fromkeys(partitions, 10)

    async def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)


def shown() -> dict[str, float]:
    (family,) = metrics.LAG.collect()
    return {sample.labels["partition"]: sample.value for sample in family.samples}


@pytest.fixture
def lag(monkeypatch: pytest.MonkeyPatch) -> Iterable[tuple[Kafka, Lag]]:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9")
    monkeypatch.setenv("KAFKA_TOPIC_PREFIX", "test.")
    metrics.LAG.clear()
    kafka = Kafka()
    app: Any = SimpleNamespace(consumer=kafka)
    yield kafka, faust_app.lag(app, load(KafkaSettings), lambda _ends: None)
    metrics.LAG.clear()


async def test_the_owned_partitions_are_shown_under_the_topics_plain_name(lag: tuple[Kafka, Lag]) -> None:
    kafka, watched = lag
    await watched._look(kafka)
    assert shown() == {"0": 8, "1": 10}
    (family,) = metrics.LAG.collect()
    assert {sample.labels["topic"] for sample in family.samples} == {"image-uploads"}


async def test_a_revoked_partition_is_shown_no_more(lag: tuple[Kafka, Lag]) -> None:
    kafka, watched = lag
    await watched._look(kafka)
    kafka.owned = {SECOND}
    await watched._look(kafka)
    assert shown() == {"1": 10}
    kafka.owned = set()
    await watched._look(kafka)
    assert shown() == {}


async def test_a_partition_that_is_revoked_during_the_look_is_not_shown(lag: tuple[Kafka, Lag]) -> None:
    kafka, watched = lag
    kafka.lost_while_asked = {FIRST}
    await watched._look(kafka)
    assert shown() == {"1": 10}
