import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from streams.classify.boto3_reader import Boto3Reader
from streams.classify.object_store import Unlimited
from streams.notifications.upload import ImageUploaded

FOR_BOTO3 = ImageUploaded("pets", "for//boto3.jpg", datetime(2026, 11, 23, tzinfo=UTC), "0" * 64)


@dataclass
class Client:
    """boto3's, as far as it is used. It answers once it may; ``body`` is closed when its connection would be."""

    may_answer: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    is_closed: threading.Event = field(default_factory=threading.Event)

    def get_object(self, **_named: str) -> dict[str, Any]:
        self.asked.set()
        self.may_answer.wait()
        return {"Body": self, "ContentLength": 3, "Metadata": {}}

    def read(self, _size: int) -> bytes:
        raise AssertionError("nobody wants it any more")

    def close(self) -> None:
        self.is_closed.set()


async def given_up(reading: "asyncio.Task[Any]") -> None:
    reading.cancel()
    await asyncio.wait([reading])
    assert reading.cancelled()


async def in_a_thread(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, 60)


async def test_a_read_that_is_given_up_before_boto3_answers_closes_the_answer() -> None:
    client = Client()
    reading = asyncio.create_task(Boto3Reader(lambda: client).fetch(FOR_BOTO3, 100, Unlimited()))
    await in_a_thread(client.asked)
    await given_up(reading)
    client.may_answer.set()
    await in_a_thread(client.is_closed)


async def test_a_read_that_is_given_up_before_a_thread_is_free_for_it_closes_the_answer() -> None:
    client, others, has_room = Client(), threading.Event(), asyncio.Event()
    store = Boto3Reader(lambda: client)
    store._threads = ThreadPoolExecutor(1)

    class Crowded(Unlimited):
        async def reserve(self, size_bytes: int) -> None:
            store._threads.submit(others.wait)
            has_room.set()
            await super().reserve(size_bytes)

    client.may_answer.set()
    reading = asyncio.create_task(store.fetch(FOR_BOTO3, 100, Crowded()))
    await has_room.wait()
    await asyncio.sleep(0)
    await given_up(reading)
    others.set()
    await in_a_thread(client.is_closed)


async def test_the_client_is_made_at_the_first_read_and_only_once() -> None:
    client, made = Client(), list[Client]()
    client.may_answer.set()

    def make_client() -> Client:
        made.append(client)
        return client

    store = Boto3Reader(make_client)
    assert not made
    for _ in range(2):
        await asyncio.gather(*(store.fetch(FOR_BOTO3, 100, Unlimited()) for _ in range(3)), return_exceptions=True)
    assert made == [client]
