"""What the intake shows of itself while deliveries come and go. (How it acknowledges: test_agents.py.)"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import Gauge

from streams.consumer.acknowledgement import Delivery, InOrderAcknowledgement
from streams.consumer.batches import Batcher
from streams.consumer.intake import Intake
from streams.runtime import metrics


class Stream:
    """Gives messages of these timestamps, then waits for ever, as a topic does."""

    def __init__(self, timestamps: Sequence[float]) -> None:
        self._timestamps = timestamps

    def noack(self) -> "Stream":
        return self

    async def events(self) -> AsyncIterator[Any]:
        for offset, timestamp in enumerate(self._timestamps):
            message = SimpleNamespace(
                tp=("t.image-uploads", 0), generation_id=1, offset=offset, topic="t.image-uploads", timestamp=timestamp
            )
            yield SimpleNamespace(message=message, value=b"", ack=lambda: None)
        await asyncio.Event().wait()


def value(gauge: Gauge, topic: str = "image-uploads") -> float:
    (family,) = gauge.collect()
    return next(sample.value for sample in family.samples if sample.labels["topic"] == topic)


@pytest.mark.usefixtures("virtual_time")
async def test_the_oldest_message_that_is_not_settled_is_shown_and_the_newest_that_was_taken() -> None:
    gates = {float(timestamp): asyncio.Event() for timestamp in (100, 200, 300)}

    async def work(delivery: Delivery[Any], _topic: str) -> None:
        await gates[delivery.event.message.timestamp].wait()

    async def nothing(_items: Sequence[Any]) -> list[Any]:
        return []

    intake = Intake(
        InOrderAcknowledgement(), topics=["image-uploads", "image-rejections"], topic_prefix="t.", max_in_flight=10
    )
    batcher: Batcher[Any, Any] = Batcher(nothing, max_size=1, max_wait_seconds=0)
    running = asyncio.create_task(intake.run(Stream([200.0, 100.0, 300.0]), batcher, work))
    await asyncio.sleep(0.01)
    assert (value(metrics.OLDEST_EVENT), value(metrics.LAST_EVENT)) == (100, 300)
    gates[100.0].set()
    await asyncio.sleep(0.01)
    assert value(metrics.OLDEST_EVENT) == 200
    gates[200.0].set()
    gates[300.0].set()
    await asyncio.sleep(0.01)
    assert (value(metrics.OLDEST_EVENT), value(metrics.LAST_EVENT)) == (0, 300)
    assert value(metrics.OLDEST_EVENT, "image-rejections") == 0
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
