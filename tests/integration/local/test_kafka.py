"""Apache Kafka of our own: it serves, and what it confirmed survives whatever is done to its process."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from deploy.local.errors import LocalPartError, PartUnavailable
from deploy.local.java import java_command
from deploy.local.kafka import ApacheKafka, fetch
from deploy.local.stack import Stack
from deploy.local.topics import create_topics, live_brokers


async def produce(servers: str, topic: str, *values: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all")
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value)  # returns once the broker has confirmed
    finally:
        await producer.stop()


async def consume(servers: str, topic: str, count: int, *, group: str | None = None) -> list[bytes]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=servers, group_id=group, auto_offset_reset="earliest")
    await consumer.start()
    try:
        values = [(await consumer.getone()).value for _ in range(count)]
        if group is not None:
            await consumer.commit()
        return values
    finally:
        await consumer.stop()


@pytest.fixture
def kafka(stack: Stack) -> ApacheKafka:
    if not isinstance(stack.kafka, ApacheKafka):
        pytest.skip(f"is about Apache Kafka of our own, and this stack has {stack.kafka.kind}")
    return stack.kafka


@pytest.mark.durable
def test_a_java_that_makes_no_archive_of_classes_runs_it_all_the_same(
    kafka: ApacheKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one made by jlink does: it has no archive of its own to add to, and ends when it is asked for one."""
    java = tmp_path / "home" / "bin" / "java"
    java.parent.mkdir(parents=True)
    real = java_command()
    java.write_text(
        f'#!/bin/sh\ncase "$*" in *ArchiveClassesAtExit*) echo no base archive >&2; exit 1;; esac\n'
        f'[ "$1" = -version ] && {{ echo \'openjdk version "99.0.1"\' >&2; exit; }}\nexec {real} "$@"\n'
    )
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(java.parent.parent))
    told: list[str] = []
    assert not fetch(kafka.version, report=told.append).class_data("99.0.1").exists()
    assert told[-1] == "without it: no base archive"


async def test_a_confirmed_record_is_read_back(stack: Stack, make_topic: Callable[..., str]) -> None:
    topic = make_topic()
    await produce(stack.kafka.bootstrap_servers, topic, b"cat", b"dog")
    assert await consume(stack.kafka.bootstrap_servers, topic, 2) == [b"cat", b"dog"]


async def test_a_group_goes_on_where_it_committed(
    stack: Stack, make_topic: Callable[..., str], topic_prefix: str
) -> None:
    topic = make_topic()
    servers = stack.kafka.bootstrap_servers
    await produce(servers, topic, b"1", b"2", b"3")
    assert await consume(servers, topic, 1, group=topic_prefix) == [b"1"]
    assert await consume(servers, topic, 2, group=topic_prefix) == [b"2", b"3"]


async def test_a_record_of_a_mebibyte_and_a_half_fits(kafka: ApacheKafka, make_topic: Callable[..., str]) -> None:
    topic = make_topic()
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers, max_request_size=2 * 1024 * 1024)
    await producer.start()
    try:
        await producer.send_and_wait(topic, b"x" * 1_500_000)
    finally:
        await producer.stop()


def test_creating_a_topic_again_changes_nothing(stack: Stack, make_topic: Callable[..., str]) -> None:
    topic = make_topic(partitions=2)
    stack.kafka.create_topics({topic: 2})


async def test_a_topic_can_be_created_from_within_a_running_loop(stack: Stack, make_topic: Callable[..., str]) -> None:
    assert make_topic(partitions=3)


def test_a_topic_that_the_broker_refuses_is_an_error(stack: Stack) -> None:
    with pytest.raises(LocalPartError, match="no/such name"):
        create_topics(stack.kafka.bootstrap_servers, {"no/such name": 1})


@pytest.mark.durable
async def test_confirmed_records_survive_a_restart_at_the_same_address(
    kafka: ApacheKafka, make_topic: Callable[..., str]
) -> None:
    topic, servers = make_topic(), kafka.bootstrap_servers
    await produce(servers, topic, b"before")
    kafka.restart()
    assert kafka.bootstrap_servers == servers
    await produce(servers, topic, b"after")
    assert await consume(servers, topic, 2) == [b"before", b"after"]


@pytest.mark.durable
async def test_confirmed_records_survive_kill_9(kafka: ApacheKafka, make_topic: Callable[..., str]) -> None:
    topic = make_topic()
    await produce(kafka.bootstrap_servers, topic, *(f"{number}".encode() for number in range(500)))
    kafka.kill()
    assert live_brokers(kafka.bootstrap_servers) == 0
    kafka.start()
    values = await consume(kafka.bootstrap_servers, topic, 500)
    assert values == [f"{number}".encode() for number in range(500)]


@pytest.fixture
def cluster(stack: Stack, tmp_path: Path) -> Iterator[ApacheKafka]:
    try:
        three = ApacheKafka(tmp_path, nodes=3)
    except PartUnavailable as missing:
        pytest.skip(str(missing))
    try:
        three.start()
        yield three
    finally:
        three.kill()


@pytest.mark.slow  # tests/faults/test_leader_loss.py kills leaders of three brokers in every run
@pytest.mark.durable
async def test_a_cluster_of_three_serves_on_when_a_leader_is_killed(
    cluster: ApacheKafka, eventually: Callable[..., None]
) -> None:
    cluster.create_topics({"pets": 3})
    await produce(cluster.bootstrap_servers, "pets", *(f"{number}".encode() for number in range(30)))
    cluster.kill(1)
    eventually(lambda: live_brokers(cluster.bootstrap_servers) == 2, within_seconds=30)
    await produce(cluster.bootstrap_servers, "pets", *(f"{number}".encode() for number in range(30, 60)))
    values = await consume(cluster.bootstrap_servers, "pets", 60)
    assert {int(value) for value in values} == set(range(60))
    cluster.start()
    assert live_brokers(cluster.bootstrap_servers) == 3
