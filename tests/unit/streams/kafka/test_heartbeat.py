"""A process says that it works, and nothing waits for that."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from streams.contracts import Model, PipelineStatus
from streams.contracts.cloudevents import Headers
from streams.kafka import heartbeat as module
from streams.kafka.heartbeat import Heartbeat
from streams.runtime.health import Health
from streams.runtime.outages import Outages
from tests.board_events import NOON


class Broker:
    """Takes messages; raises or hangs if told to."""

    def __init__(self) -> None:
        self.started = 0
        self.taken: list[tuple[str, bytes, PipelineStatus]] = []
        self.headers: dict[str, bytes] = {}
        self.error: Exception | None = None
        self.hangs = False
        self.asked = 0

    async def start(self) -> None:
        self.started += 1
        if self.started == 1 and isinstance(self.error, KafkaConnectionError):
            raise self.error

    async def stop(self) -> None:
        """Nothing."""

    async def send_and_wait(self, topic: str, *, key: bytes, value: bytes, headers: Headers) -> Any:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        self.headers = dict(headers)
        self.taken.append((topic, key, msgspec.json.decode(value, type=PipelineStatus)))

    async def has(self, number: int) -> None:
        async with asyncio.timeout(5):
            while len(self.taken) < number:
                await asyncio.sleep(0)


class Process:
    """A process that is ready, at a time that the test sets."""

    def __init__(self, *, ready: bool = True) -> None:
        self.now = NOON
        self.outages = Outages(clock=self._seconds)
        self.health = Health(self.outages)
        self.health.ready = ready
        self.heartbeat = Heartbeat("classifier", self.health, self.outages, lambda: self.now)

    def _seconds(self) -> float:
        return self.now.timestamp()

    def after(self, seconds: float) -> PipelineStatus:
        self.now = NOON + timedelta(seconds=seconds)
        return self.heartbeat.status()


@asynccontextmanager
async def beating(process: Process, broker: Broker, every_seconds: float = 0.001) -> AsyncIterator[None]:
    task = asyncio.create_task(process.heartbeat.beat(broker, "pipeline-status", every_seconds=every_seconds))
    yield
    assert not task.done()
    task.cancel()


def test_a_heartbeat_says_since_when_a_process_works_and_what_fails_for_it() -> None:
    process = Process(ready=False)
    assert (process.after(0).state, process.after(0).warning) == ("degraded", "It is starting.")
    process.health.become_ready()
    assert (process.after(5).state, process.after(5).since) == ("ok", NOON + timedelta(seconds=5))
    assert process.after(10).since == NOON + timedelta(seconds=5)
    process.now = NOON + timedelta(seconds=12)
    process.outages.begin("object_store", "refused")
    away = process.after(15)
    assert (away.state, away.since, away.at) == ("degraded", NOON + timedelta(seconds=12), process.now)
    assert away.unavailable == {"object_store": NOON + timedelta(seconds=12)}
    assert away.warning is not None
    assert "refused" in away.warning
    process.outages.end("object_store")
    assert (process.after(20).state, process.after(20).unavailable) == ("ok", {})


def test_a_heartbeat_names_the_models_in_service() -> None:
    process = Process()
    old, new = (Model(name="m", version=version, rev=1, sha256="0") for version in ("1", "2"))
    process.heartbeat.models = lambda: (new, old)
    assert process.heartbeat.status().models == (new, old)


def test_a_long_warning_is_cut() -> None:
    process = Process()
    process.outages.begin("kafka", "x" * 5000)
    warning = process.heartbeat.status().warning
    assert warning is not None
    assert len(warning) <= module.WARNING_CHARS


async def test_heartbeats_come_again_and_again_with_the_role_as_key() -> None:
    process, broker = Process(), Broker()
    async with beating(process, broker):
        await broker.has(3)
    topic, key, status = broker.taken[0]
    assert (topic, key, status.component) == ("pipeline-status", b"classifier", "classifier")
    assert status.process == broker.taken[2][2].process
    assert broker.headers["ce_type"] == b"petstream.process.status.v1"


async def test_a_broker_that_is_away_ends_nothing_and_is_no_outage() -> None:
    process, broker = Process(), Broker()
    broker.error = KafkaConnectionError("refused")
    async with beating(process, broker):
        async with asyncio.timeout(5):
            while broker.asked < 2:
                await asyncio.sleep(0)
        assert process.outages.current == ()
        broker.error = None
        await broker.has(1)


async def test_a_heartbeat_that_is_late_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IN_TIME_SECONDS", 0.001)
    process, broker = Process(), Broker()
    broker.hangs = True
    async with beating(process, broker):
        async with asyncio.timeout(5):
            while broker.asked < 2:
                await asyncio.sleep(0)
        broker.hangs = False
        await broker.has(1)


async def test_a_refusal_is_asked_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 6:
            await asyncio.Event().wait()

    process, broker = Process(), Broker()
    broker.error = TopicAuthorizationFailedError("pipeline-status")
    task = asyncio.create_task(process.heartbeat.beat(broker, "pipeline-status"))
    monkeypatch.setattr(asyncio, "sleep", sleep)
    done, _ = await asyncio.wait([task], timeout=0.2)
    task.cancel()
    assert not done
    assert pauses == [10, 20, 40, 60, 60, 60]


async def test_a_process_that_ends_says_so_if_kafka_takes_it_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    process, broker = Process(), Broker()
    await process.heartbeat.say_farewell(broker, "pipeline-status")
    assert broker.taken == []  # it was never connected
    async with beating(process, broker):
        await broker.has(1)
    await process.heartbeat.say_farewell(broker, "pipeline-status")
    assert broker.taken[-1][2].state == "stopped"
    broker.hangs = True
    monkeypatch.setattr(module, "FAREWELL_SECONDS", 0.001)
    await process.heartbeat.say_farewell(broker, "pipeline-status")
