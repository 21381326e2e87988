"""What may be committed, what was lost, and what a message's metadata becomes; on Faust's own consumer, unconnected."""

import tracemalloc
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError
from faust.transport.drivers import aiokafka as driver

from streams.consumer import faust_app
from streams.consumer.faust_consumer import FaustConsumer
from streams.runtime.settings import KafkaSettings, load

P0, P1 = TopicPartition("blue.image-uploads", 0), TopicPartition("blue.image-uploads", 1)
FIVE_MILLION = 5_000_000


def record(offset: int, **more: object) -> Any:
    return SimpleNamespace(**{"offset": offset, "timestamp": 1_764_201_600_123, "headers": (), **more})


class Taken:
    """As much of a Faust message as an acknowledgement looks at."""

    def __init__(self, partition: TopicPartition, offset: int) -> None:
        self.acked, self.tp, self.offset, self.topic = False, partition, offset, partition.topic


class Broker:
    """What the client has and where it reads."""

    def __init__(self) -> None:
        self.records: dict[TopicPartition, Sequence[Any]] = {}
        self.positions: dict[TopicPartition, int | None] = {}
        self.beginnings: dict[TopicPartition, int] = {}
        self.is_away = False

    async def getmany(self, *_: object) -> Mapping[TopicPartition, Sequence[Any]]:
        found, self.records = self.records, {}
        return found

    async def earliest_offsets(self, *partitions: TopicPartition) -> Mapping[TopicPartition, int]:
        if self.is_away:
            raise KafkaConnectionError
        return {partition: self.beginnings[partition] for partition in partitions}


@pytest.fixture
async def app(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> faust_app.App:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("KAFKA_TOPIC_PREFIX", "blue.")
    return faust_app.build("group", load(KafkaSettings), tmp_path)


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
async def consumer(app: faust_app.App, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Any:
    app.finalize()
    made: Any = app._new_consumer()
    assert isinstance(made, FaustConsumer)
    made._thread.thread_loop.close()
    monkeypatch.setattr(made, "_thread", broker)
    monkeypatch.setattr(made, "assignment", lambda: {P0, P1})
    monkeypatch.setattr(made, "reading_position", broker.positions.get)
    monkeypatch.setattr(app.topics, "acks_enabled_for", lambda _topic: True)
    return made


async def fetch(consumer: Any, broker: Broker, partition: TopicPartition, *offsets: int, position: int) -> None:
    broker.records = {partition: [record(offset) for offset in offsets]} if offsets else {}
    broker.positions[partition] = position
    await consumer._getmany({partition}, 0)


def acknowledge(consumer: Any, partition: TopicPartition, *offsets: int) -> None:
    for offset in offsets:
        consumer.ack(Taken(partition, offset))


async def test_a_gap_of_five_million_offsets_costs_no_memory(consumer: Any, broker: Broker) -> None:
    consumer._committed_offset[P0] = 10
    tracemalloc.start()
    try:
        await consumer._add_gap(P0, 11, 10 + FIVE_MILLION)
        acknowledge(consumer, P0, 10, 10 + FIVE_MILLION)
        assert consumer._new_offset(P0) == 11 + FIVE_MILLION
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000


async def test_what_is_acknowledged_is_committed_once(consumer: Any, broker: Broker) -> None:
    await fetch(consumer, broker, P0, 5, 6, 7, position=8)
    assert consumer._new_offset(P0) is None
    acknowledge(consumer, P0, 5, 6)
    assert consumer._new_offset(P0) == 7
    consumer._committed_offset[P0] = 7
    assert not consumer._filter_committable_offsets([P0])
    acknowledge(consumer, P0, 7)
    assert consumer._filter_committable_offsets([P0]) == {P0: 8}


async def test_the_marker_behind_a_transaction_is_committed_once_all_before_it_is_settled(
    consumer: Any, broker: Broker
) -> None:
    await fetch(consumer, broker, P0, 5, position=6)
    broker.beginnings[P0] = 0
    await fetch(consumer, broker, P0, position=7)  # the marker has been read
    assert consumer._new_offset(P0) is None
    acknowledge(consumer, P0, 5)
    assert consumer._new_offset(P0) == 7


async def test_a_marker_at_the_end_is_committed_after_a_restart_too(consumer: Any, broker: Broker) -> None:
    consumer._reached[P0] = consumer._committed_offset[P0] = 6  # as perform_seek leaves them
    broker.beginnings[P0] = 0
    await fetch(consumer, broker, P0, position=7)
    assert consumer._filter_committable_offsets(consumer._filter_tps_with_pending_acks()) == {P0: 7}


async def test_what_was_fetched_and_not_settled_is_never_committed_away(consumer: Any, broker: Broker) -> None:
    broker.beginnings[P0] = 0
    await fetch(consumer, broker, P0, 5, 6, position=8)
    acknowledge(consumer, P0, 5)
    assert consumer._new_offset(P0) == 6
    assert consumer._new_offset(P0) == 6


async def test_a_partition_that_was_revoked_leaves_nothing_behind(
    consumer: Any, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object) -> None: ...

    monkeypatch.setattr(driver.Consumer, "on_partitions_revoked", nothing)
    await fetch(consumer, broker, P0, 5, position=6)
    acknowledge(consumer, P0, 5)
    consumer._new_offset(P0)
    await consumer.on_partitions_revoked({P0})
    consumer._acked.clear()
    assert consumer._new_offset(P0) is None


async def test_where_reading_begins_anew_only_what_is_committed_is_known(
    consumer: Any, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def committed() -> Mapping[TopicPartition, int]:
        return {P0: 4}

    monkeypatch.setattr(consumer, "seek_to_committed", committed)
    broker.beginnings[P0] = 0
    await fetch(consumer, broker, P0, 5, position=6)
    acknowledge(consumer, P0, 5)
    assert consumer._new_offset(P0) == 6
    await consumer.perform_seek()
    assert not consumer._filter_committable_offsets([P0])  # 4 is committed, and nothing was read since
    await fetch(consumer, broker, P0, 4, 5, position=6)
    assert not consumer._filter_committable_offsets([P0])


async def test_messages_that_retention_took_are_told_with_their_range(
    app: faust_app.App, consumer: Any, broker: Broker
) -> None:
    consumer._reached[P0] = 10  # committed
    broker.beginnings[P0] = 1_000
    await fetch(consumer, broker, P0, 1_000, 1_001, position=1_002)
    (warning,) = app.losses.warnings
    assert warning.startswith("image-uploads, partition 0: Kafka deleted offsets 10 to 999 before they were read")
    await fetch(consumer, broker, P0, 1_002, position=1_003)
    assert len(app.losses.warnings) == 1


async def test_a_log_that_was_emptied_is_told_of_without_a_message(
    app: faust_app.App, consumer: Any, broker: Broker
) -> None:
    consumer._reached[P0] = 10
    broker.beginnings[P0] = 20
    await fetch(consumer, broker, P0, position=20)
    assert "offsets 10 to 19" in app.losses.warnings[0]


async def test_a_gap_inside_the_log_is_no_loss(app: faust_app.App, consumer: Any, broker: Broker) -> None:
    consumer._reached[P0] = 10
    broker.beginnings[P0] = 3
    await fetch(consumer, broker, P0, 15, position=16)
    assert app.losses.warnings == []


async def test_a_group_that_never_read_has_lost_nothing(app: faust_app.App, consumer: Any, broker: Broker) -> None:
    broker.beginnings[P0] = 500
    await fetch(consumer, broker, P0, 500, position=501)
    assert app.losses.warnings == []


async def test_a_gap_that_kafka_does_not_explain_stops_nothing(
    app: faust_app.App, consumer: Any, broker: Broker
) -> None:
    consumer._reached[P0] = 10
    broker.is_away = True
    await fetch(consumer, broker, P0, 15, position=16)
    acknowledge(consumer, P0, 15)
    assert consumer._new_offset(P0) == 16


async def test_metadata_reaches_the_app_bounded(consumer: Any) -> None:
    rest = dict.fromkeys(("timestamp_type", "key", "value", "checksum", "serialized_key_size", "serialized_value_size"))
    hostile = record(
        1, topic="t", partition=0, headers=(("traceparent", None), ("ü", b"\xff")), timestamp=2**63 - 1, **rest
    )
    message = consumer._to_message(P0, hostile)
    assert abs(message.timestamp - datetime.now(UTC).timestamp()) < 60
    assert message.headers == [("ü", b"\xff")]
    fine = consumer._to_message(P0, record(1, topic="t", partition=0, **rest))
    assert fine.timestamp == pytest.approx(1_764_201_600.123)
