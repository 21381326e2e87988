"""The bridge over a queue and a broker that the test plays. The same, on real ones: tests/integration/streams."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka.errors import MessageSizeTooLargeError

from streams.bridge.bridge import Bridge
from streams.bridge.sqs import QueueMessage
from streams.contracts.cloudevents import Headers
from streams.runtime.outages import Outages
from tests.notifications import notification


class Queue:
    def __init__(self, *bodies: str) -> None:
        self.waiting = [QueueMessage(str(i), f"receipt-{i}", body) for i, body in enumerate(bodies)]
        self.deleted: list[str] = []
        self.extended: list[str] = []
        self.failures = 0

    async def receive(self) -> list[QueueMessage]:
        await asyncio.sleep(0)
        taken, self.waiting = self.waiting[:10], self.waiting[10:]
        return taken

    async def delete(self, messages: Sequence[QueueMessage]) -> Sequence[QueueMessage]:
        assert 1 <= len(messages) <= 10
        done, failed = self._split(messages)
        self.deleted += [message.id for message in done]
        return failed

    async def extend(self, messages: Sequence[QueueMessage], seconds: int) -> Sequence[QueueMessage]:
        assert 1 <= len(messages) <= 10
        done, failed = self._split(messages)
        self.extended += [message.id for message in done]
        return failed

    def _split(self, messages: Sequence[QueueMessage]) -> tuple[Sequence[QueueMessage], Sequence[QueueMessage]]:
        """The first of a batch is done, the others are not, as long as entries are to fail."""
        if self.failures <= 0:
            return messages, []
        self.failures -= 1
        return messages[:1], messages[1:]


class Broker:
    def __init__(self) -> None:
        self.published: list[tuple[bytes | None, bytes]] = []
        self.confirms = asyncio.Event()

    async def publish(self, topic: str, *, key: bytes | None, value: bytes, headers: Headers) -> None:
        if len(value) > 1000:
            raise MessageSizeTooLargeError
        self.published.append((key, value))
        await self.confirms.wait()


def bridge(queue: Queue, broker: Any, *, visibility_seconds: float = 60, max_in_flight: int = 100) -> Bridge:
    seconds: Any = visibility_seconds  # a test does not wait for whole seconds
    return Bridge(queue, broker, Outages(), visibility_seconds=seconds, max_in_flight=max_in_flight)


async def until(holds: Any) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.001)


async def test_a_message_is_deleted_only_after_the_broker_confirmed_it() -> None:
    queue, broker, stop = Queue(*(notification(str(i)).decode() for i in range(25))), Broker(), asyncio.Event()
    running = asyncio.create_task(bridge(queue, broker).run(stop))
    await until(lambda: len(broker.published) == 25)
    assert queue.deleted == []
    broker.confirms.set()
    await until(lambda: len(queue.deleted) == 25)
    stop.set()
    await asyncio.wait_for(running, 60)


async def test_a_message_that_waits_for_the_broker_is_kept_invisible() -> None:
    queue, broker, stop = Queue(notification("a").decode()), Broker(), asyncio.Event()
    running = asyncio.create_task(bridge(queue, broker, visibility_seconds=0.03).run(stop))
    await until(lambda: queue.extended.count("0") >= 3)
    assert queue.deleted == []
    broker.confirms.set()
    await until(lambda: queue.deleted == ["0"])
    stop.set()
    await asyncio.wait_for(running, 60)


async def test_a_message_that_no_broker_takes_is_left_in_the_queue() -> None:
    queue, broker, stop = Queue("x" * 2000, notification("a").decode()), Broker(), asyncio.Event()
    broker.confirms.set()
    running = asyncio.create_task(bridge(queue, broker).run(stop))
    await until(lambda: queue.deleted == ["1"])
    stop.set()
    await asyncio.wait_for(running, 60)
    assert queue.deleted == ["1"]


async def test_a_message_that_no_encoding_has_goes_on_as_what_it_is_and_ends_nobody() -> None:
    queue, broker, stop = Queue("\ud800", notification("a").decode()), Broker(), asyncio.Event()
    broker.confirms.set()
    running = asyncio.create_task(bridge(queue, broker).run(stop))
    await until(lambda: sorted(queue.deleted) == ["0", "1"])
    stop.set()
    await asyncio.wait_for(running, 60)
    assert (None, b"\xed\xa0\x80") in broker.published


async def test_no_more_is_taken_than_may_be_in_flight() -> None:
    queue, broker, stop = Queue(*(notification(str(i)).decode() for i in range(60))), Broker(), asyncio.Event()
    moving = bridge(queue, broker, max_in_flight=15)
    running = asyncio.create_task(moving.run(stop))
    await until(lambda: moving.pending == 15)
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(broker.published) == 15
    broker.confirms.set()
    await until(lambda: len(queue.deleted) == 60)
    stop.set()
    await asyncio.wait_for(running, 60)
