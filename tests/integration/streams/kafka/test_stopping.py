"""A consumer can be stopped while its broker does not answer: nobody is cancelled by it, and nothing stays open."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from deploy.local.stack import Stack
from streams.kafka.stopping import opened, started, stop

LONG_SECONDS = 60


@pytest.fixture
async def consumer(stack: Stack, make_topic: Callable[..., str]) -> AIOKafkaConsumer:
    """Not started yet. After a fetch that failed it pauses long."""
    return AIOKafkaConsumer(
        make_topic(),
        bootstrap_servers=stack.kafka.bootstrap_servers,
        auto_offset_reset="earliest",
        retry_backoff_ms=1000 * LONG_SECONDS,
    )


async def lose_the_broker(consumer: AIOKafkaConsumer) -> None:
    """Let its next fetch fail, and return in the pause behind that: where it is at nearly every moment of an outage."""
    failed = asyncio.Event()

    async def send(*_: object, **__: object) -> None:
        failed.set()
        raise KafkaConnectionError("the broker is away")

    (partition,) = consumer.assignment()
    await consumer.position(partition)  # from now on it fetches
    consumer._client.send = send
    await failed.wait()
    await asyncio.sleep(0)


@pytest.mark.parametrize("kind", [started, opened])
async def test_a_client_that_is_cancelled_while_it_starts_leaves_no_connection(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    asked, may_answer = asyncio.Event(), asyncio.Event()
    connections: list[AIOKafkaConnection] = []
    send = AIOKafkaConnection.send

    async def ask(connection: AIOKafkaConnection, request: Any, **named: Any) -> Any:
        if isinstance(request, MetadataRequest):
            connections.append(connection)
            asked.set()
            await may_answer.wait()
        return await send(connection, request, **named)

    monkeypatch.setattr(AIOKafkaConnection, "send", ask)
    client = {started: AIOKafkaConsumer, opened: AIOKafkaAdminClient}[kind](
        bootstrap_servers=stack.kafka.bootstrap_servers
    )

    async def work() -> None:
        async with kind(client):
            raise AssertionError("it never comes here")

    working = asyncio.create_task(work())
    await asked.wait()
    working.cancel()
    await asyncio.sleep(0.01)
    may_answer.set()
    await asyncio.wait([working])
    assert working.cancelled()
    assert connections
    assert not any(connection.connected() for connection in connections)


async def test_a_consumer_stops_while_its_broker_is_away(consumer: AIOKafkaConsumer) -> None:
    await consumer.start()
    await lose_the_broker(consumer)
    fetches = set(consumer._fetcher._pending_tasks)
    assert fetches
    await stop(consumer)
    assert all(fetch.done() for fetch in fetches)
    assert not any(connection.connected() for connection in consumer._client._conns.values())


async def test_an_error_within_is_told_although_its_consumer_stumbles(consumer: AIOKafkaConsumer) -> None:
    async def fail() -> None:
        async with started(consumer):
            await lose_the_broker(consumer)
            raise KeyError("told")

    with pytest.raises(KeyError, match="told"):
        await fail()


async def test_who_is_cancelled_while_stopping_is_cancelled(
    consumer: AIOKafkaConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never() -> None:
        await asyncio.sleep(LONG_SECONDS)

    await consumer.start()
    with monkeypatch.context() as patched:
        patched.setattr(consumer, "stop", never)
        stopping = asyncio.create_task(stop(consumer))
        await asyncio.sleep(0)
        stopping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopping
    await stop(consumer)
