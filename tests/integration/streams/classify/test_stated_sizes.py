"""
The capacity that an object takes is what its response states, in both ways of reading; what its event states counts for
nothing. The store is a server of this file's, with one answer for everything.
"""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config

from streams.classify.circuits import Circuits
from streams.classify.fetching import Fetching
from streams.classify.images import S3Images
from streams.classify.object_store import StoredImage
from streams.classify.opening import CLIENT_OPTIONS
from streams.consumer.byte_budget import ByteBudget
from streams.notifications.upload import ImageUploaded
from streams.runtime.outages import Outages

MEBIBYTE = 1024 * 1024
MAX_BYTES = 32 * MEBIBYTE
KEYS = ["uploads/ann/{}.jpg", "uploads//ann/{}.jpg"]
"""Read with obstore, and with boto3."""


@dataclass
class Store:
    """Sends the head of its answer at once, the body once it may."""

    body: bytes = b"\xff\xd8\xff"
    states_length: bool = True
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    may_send: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            await self.may_answer.wait()
            length = f"Content-Length: {len(self.body)}\r\n" if self.states_length else ""
            dated = "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT"
            writer.write(f'HTTP/1.1 200 OK\r\nConnection: close\r\nETag: "e"\r\n{dated}\r\n{length}\r\n'.encode())
            await self.may_send.wait()
            for start in range(0, len(self.body), MEBIBYTE):  # what is not taken yet is not to gather here
                writer.write(self.body[start : start + MEBIBYTE])
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client may go at any time
        finally:
            writer.close()


@asynccontextmanager
async def serving(store: Store, **client_options: Any) -> AsyncIterator[S3Images]:
    server = await asyncio.start_server(store.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    client = session.client("s3", endpoint_url=url, config=Config(**CLIENT_OPTIONS))
    options: dict[str, Any] = {"endpoint": url, "access_key_id": "a", "secret_access_key": "b", "region": "us-east-1"}
    async with server:
        client_options |= {"allow_http": True}
        yield S3Images(lambda: client, **options, virtual_hosted_style_request=False, client_options=client_options)


def upload(key: str, stated: int | None) -> ImageUploaded:
    return ImageUploaded("pets", key, datetime.now(UTC), "0" * 64, None, None, stated)


async def reach(budget: ByteBudget, used: int) -> None:
    async with asyncio.timeout(60):
        while budget.used != used:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("key", KEYS, ids=["obstore", "boto3"])
@pytest.mark.parametrize("stated", [1, MAX_BYTES, None])
async def test_nothing_is_held_before_the_response_states_a_size_and_then_that_size_is(
    key: str, stated: int | None
) -> None:
    store, budget = Store(body=b"\xff\xd8\xff".ljust(300_000)), ByteBudget(MAX_BYTES)
    async with serving(store) as images:
        fetching = Fetching(images, Circuits(Outages()).store, max_bytes=MAX_BYTES)
        with budget.claim() as claim:
            reading = asyncio.create_task(fetching.fetch(upload(key, stated), claim, extended=False))
            while not store.asked:
                await asyncio.sleep(0.01)
            assert budget.used == 0
            store.may_answer.set()
            await reach(budget, 300_000)
            assert not reading.done()
            store.may_send.set()
            assert len((await reading).data) == budget.used == 300_000
        assert budget.used == 0


async def test_a_large_object_takes_its_room_once_its_first_part_has_come() -> None:
    size = 8 * MEBIBYTE
    store, budget = Store(body=b"\xff\xd8\xff".ljust(size)), ByteBudget(MAX_BYTES)
    store.may_answer.set()
    async with serving(store) as images:
        fetching = Fetching(images, Circuits(Outages()).store, max_bytes=MAX_BYTES)
        with budget.claim() as claim:
            reading = asyncio.create_task(fetching.fetch(upload(KEYS[0], 1), claim, extended=False))
            await reach(budget, MEBIBYTE)
            await asyncio.sleep(0.2)
            assert budget.used == MEBIBYTE, "a store that sends nothing more would keep the capacity from others"
            store.may_send.set()
            assert (await reading).data == store.body
            assert budget.used == size


async def test_while_an_object_waits_for_room_no_limit_of_obstores_ends_its_response() -> None:
    """It has one of 30 s for all of a request. On a retry topic an object has more, and capacity may be waited for."""
    store, budget = Store(body=b"\xff\xd8\xff".ljust(8 * MEBIBYTE)), ByteBudget(MAX_BYTES)
    store.may_answer.set()
    store.may_send.set()
    async with serving(store, timeout=timedelta(seconds=0.3)) as images:
        fetching = Fetching(images, Circuits(Outages()).store, max_bytes=MAX_BYTES)
        with budget.claim() as claim, budget.claim() as others:
            await others.take(MAX_BYTES)
            asyncio.get_running_loop().call_later(0.6, others.release)
            stored = await fetching.fetch(upload(KEYS[0], 1), claim, extended=True)
    assert stored.data == store.body
    assert store.asked == 1


async def test_an_object_of_which_the_response_states_no_size_takes_room_for_the_largest() -> None:
    store, budget = Store(states_length=False), ByteBudget(2 * MAX_BYTES)
    store.may_answer.set()
    async with serving(store) as images:
        fetching = Fetching(images, Circuits(Outages()).store, max_bytes=MAX_BYTES)
        with budget.claim() as claim:
            reading = asyncio.create_task(fetching.fetch(upload(KEYS[0], 1), claim, extended=False))
            await reach(budget, MAX_BYTES)
            store.may_send.set()
            assert (await reading).data == store.body


@pytest.mark.parametrize("key", KEYS, ids=["obstore", "boto3"])
async def test_a_read_that_is_given_up_gives_its_room_back(key: str) -> None:
    store, budget = Store(), ByteBudget(MAX_BYTES)
    store.may_answer.set()
    async with serving(store) as images:
        fetching = Fetching(images, Circuits(Outages()).store, max_bytes=MAX_BYTES)

        async def read() -> None:
            with budget.claim() as claim:
                await fetching.fetch(upload(key, 1), claim, extended=False)

        reading = asyncio.create_task(read())
        await reach(budget, len(store.body))
        reading.cancel()
        await asyncio.wait([reading])
        assert budget.used == 0
        store.may_send.set()


@pytest.mark.parametrize("key", KEYS, ids=["obstore", "boto3"])
async def test_a_backlog_of_large_pictures_of_which_events_state_one_byte_does_not_grow_the_process(key: str) -> None:
    size, number = 8 * MEBIBYTE, 32
    store, budget = Store(body=b"\xff\xd8\xff".ljust(size)), ByteBudget(3 * size)
    store.may_answer.set()
    store.may_send.set()
    async with serving(store) as images:
        fetching = Fetching(images, Circuits(Outages()).store, max_bytes=MAX_BYTES)

        async def work(number: int) -> None:
            with budget.claim() as claim:
                stored: StoredImage = await fetching.fetch(upload(key.format(number), 1), claim, extended=True)
                assert len(stored.data) == size
                await asyncio.sleep(0.02)  # as if it were decoded

        tracemalloc.start()
        try:
            async with asyncio.timeout(120):
                await asyncio.gather(*(work(i) for i in range(number)))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < number * size / 2, "more was read at a time than the budget allows"
