"""
Starts and stops clients of aiokafka 0.14, which loses its way when it is interrupted.

A client that is cancelled while it starts forgets its first connection, and complains once it is collected. And
``Fetcher.close`` cancels each fetch that is under way and waits for it. One that pauses because a broker did not answer
lets the cancellation out: CancelledError in whoever stops the consumer, though nobody cancelled that one, and with the
connections open still. Such an error ends a task without a word, and a command as if somebody had pressed Ctrl-C.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Protocol

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient

START_SECONDS: Final = 2.0
"""How long a start that nobody wants any more may take to come to its end. A broker that is there needs hundredths."""


class Client(Protocol):
    """What can be started."""

    async def start(self) -> None:
        """Connect."""


@asynccontextmanager
async def started(consumer: AIOKafkaConsumer) -> AsyncIterator[AIOKafkaConsumer]:
    """Start a consumer, and stop it however this context ends. Instead of aiokafka's own ``async with``."""
    try:
        await start(consumer)
        yield consumer
    finally:
        await stop(consumer)


@asynccontextmanager
async def opened(admin: AIOKafkaAdminClient) -> AsyncIterator[AIOKafkaAdminClient]:
    """The same for a client that administers."""
    try:
        await start(admin)
        yield admin
    finally:
        await admin.close()


async def start(client: Client) -> None:
    """
    Start a client. A caller who is cancelled meanwhile waits until it has started, for ``START_SECONDS`` at most.

    Raises:
        what the client's ``start`` does.
    """
    starting = asyncio.create_task(client.start())
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        try:
            await asyncio.wait([starting], timeout=START_SECONDS)
        finally:  # also if the caller is cancelled again
            starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        raise


async def stop(consumer: AIOKafkaConsumer) -> None:
    """
    Leave the group, end the fetches, close the connections; also of a consumer that did not get through its start.

    Raises:
        CancelledError: only if the caller is cancelled meanwhile.
    """
    task = asyncio.current_task()
    assert task is not None, "a coroutine runs in a task"
    before = task.cancelling()  # a cancelled task stops its consumer, too
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        if task.cancelling() > before:
            raise
        fetches = set(consumer._fetcher._pending_tasks) if consumer._fetcher else set()  # noqa: SLF001 - nobody else ends them
        for fetch in fetches:
            fetch.cancel()
        await asyncio.gather(*fetches, return_exceptions=True)
        await consumer._client.close()  # noqa: SLF001 - nor these
