import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from streams.contracts import PipelineStatus
from streams.runtime.outages import Outages
from streams.sink.status import report, storage_status

MOMENT = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)


class Topic:
    """Stands for pipeline-status: what was published, and a broker that can be away."""

    def __init__(self) -> None:
        self.told: list[PipelineStatus] = []
        self.there = asyncio.Event()
        self.there.set()

    async def publish(self, _topic: str, *, key: bytes, value: bytes, headers: Any) -> None:
        await self.there.wait()
        self.told.append(msgspec.json.decode(value, type=PipelineStatus))

    @property
    def states(self) -> list[str]:
        return [status.state for status in self.told]

    async def has(self, count: int) -> None:
        async with asyncio.timeout(60):
            while len(self.told) < count:
                await asyncio.sleep(0)


@asynccontextmanager
async def reporting(topic: Topic, outages: Outages, *, heartbeat_seconds: float) -> AsyncIterator[None]:
    task = asyncio.create_task(report(topic, outages, interval_seconds=heartbeat_seconds))  # type: ignore[arg-type]
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.fixture
async def topic() -> Topic:
    return Topic()


@pytest.fixture
async def outages(topic: Topic) -> AsyncIterator[Outages]:
    outages = Outages()
    async with reporting(topic, outages, heartbeat_seconds=60):
        await topic.has(1)
        yield outages


def test_the_status_of_storage_says_since_when_nothing_is_stored() -> None:
    outages = Outages(clock=MOMENT.timestamp)
    assert storage_status(outages, healthy_since=MOMENT, now=MOMENT).state == "ok"
    outages.begin("database", "refused")
    status = storage_status(outages, healthy_since=MOMENT, now=MOMENT)
    assert (status.state, status.since) == ("degraded", MOMENT)
    assert status.warning is not None
    assert "20:00:00 UTC" in status.warning
    outages.end("database")
    outages.begin("kafka", "away")  # not a matter of storage
    assert storage_status(outages, healthy_since=MOMENT, now=MOMENT).state == "ok"


async def test_an_outage_is_reported_however_short_it_is(topic: Topic, outages: Outages) -> None:
    outages.begin("database", "refused")
    outages.end("database")
    await topic.has(3)
    assert topic.states == ["ok", "degraded", "ok"]
    assert topic.told[2].since > topic.told[0].since


async def test_an_outage_of_something_else_is_no_edge(topic: Topic, outages: Outages) -> None:
    outages.begin("kafka", "away")
    outages.begin("database", "refused")
    await topic.has(2)
    assert topic.states == ["ok", "degraded"]


async def test_edges_wait_in_order_for_a_broker_that_is_away(topic: Topic, outages: Outages) -> None:
    topic.there.clear()
    for _ in range(3):
        outages.begin("database", "refused")
        await asyncio.sleep(0)
        outages.end("database")
    topic.there.set()
    await topic.has(7)
    assert topic.states == ["ok", *["degraded", "ok"] * 3]


async def test_a_status_without_news_is_repeated_as_a_heartbeat(topic: Topic) -> None:
    async with reporting(topic, Outages(), heartbeat_seconds=0.01):
        await topic.has(3)
    assert set(topic.states) == {"ok"}
    assert topic.told[0].since == topic.told[2].since
    assert topic.told[0].at < topic.told[2].at
