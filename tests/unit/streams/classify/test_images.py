import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from streams.classify import images
from streams.classify.images import S3Images, Unlimited
from streams.notifications.upload import ImageUploaded

FOR_BOTO3 = ImageUploaded("pets", "for//boto3.jpg", datetime(2026, 11, 23, tzinfo=UTC), "0" * 64)


def test_notifications_that_name_ever_more_buckets_take_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MOST_BUCKETS", 3)
    no_client: Any = None
    reads = S3Images(no_client, region="eu-central-1", access_key_id="a", secret_access_key="b")
    pets = reads._store("pets")
    for number in range(5):
        reads._store(f"bucket-{number}")
        assert reads._store("pets") is pets, "the one that is used goes on being used"
    assert list(reads._stores) == ["bucket-3", "bucket-4", "pets"]


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
    assert await asyncio.to_thread(event.wait, 20)


async def test_a_read_that_is_given_up_before_boto3_answers_closes_the_answer() -> None:
    client = Client()
    reading = asyncio.create_task(S3Images(client).fetch(FOR_BOTO3, 100, Unlimited()))
    await in_a_thread(client.asked)
    await given_up(reading)
    client.may_answer.set()
    await in_a_thread(client.is_closed)


async def test_a_read_that_is_given_up_before_a_thread_is_free_for_it_closes_the_answer() -> None:
    client, others, has_room = Client(), threading.Event(), asyncio.Event()
    store = S3Images(client)
    store._threads = ThreadPoolExecutor(1)

    class Crowded(Unlimited):
        async def room(self, size_bytes: int) -> None:
            store._threads.submit(others.wait)
            has_room.set()
            await super().room(size_bytes)

    client.may_answer.set()
    reading = asyncio.create_task(store.fetch(FOR_BOTO3, 100, Crowded()))
    await has_room.wait()
    await asyncio.sleep(0)
    await given_up(reading)
    others.set()
    await in_a_thread(client.is_closed)
