"""
Starts and stops clients of aiokafka 0.14, which mishandles cancellation.

A client that is cancelled during its start leaks its first connection, and warns when it is garbage-collected.
``Fetcher.close`` cancels each running fetch and waits for it. A fetch that pauses because a broker did not answer lets
the cancellation escape: the caller of ``stop`` gets a CancelledError although it was not cancelled, and the connections
stay open. Such an error ends a task silently, and a command as if Ctrl-C had been pressed.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Protocol

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient

START_SECONDS: Final = 2.0
"""How long a cancelled start may take to finish. A broker that is available needs hundredths of a second."""


class Client(Protocol):
    """A client that can be started."""

    async def start(self) -> None:
        """Connect."""


@asynccontextmanager
async def started(consumer: AIOKafkaConsumer) -> AsyncIterator[AIOKafkaConsumer]:
    """Start a consumer, and stop it however this context ends. Replaces aiokafka's own ``async with``."""
    try:
        await start(consumer)
        yield consumer
    finally:
        await stop(consumer)


@asynccontextmanager
async def opened(admin: AIOKafkaAdminClient) -> AsyncIterator[AIOKafkaAdminClient]:
    """Start an admin client, and close it however this context ends."""
    try:
        await start(admin)
        yield admin
    finally:
        await admin.close()


async def start(client: Client) -> None:
    """
    Start a client. A caller that is cancelled meanwhile waits until the client has started, at most START_SECONDS.

    Raises:
        what the client's ``start`` raises.
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
    Leave the group, end the fetches and close the connections, also of a consumer whose start did not finish.

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
        fetches = set(consumer._fetcher._pending_tasks) if consumer._fetcher else set()  # noqa: SLF001 - aiokafka does not end them
        for fetch in fetches:
            fetch.cancel()
        await asyncio.gather(*fetches, return_exceptions=True)
        await consumer._client.close()  # noqa: SLF001 - nor these
