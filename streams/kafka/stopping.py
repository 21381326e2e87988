"""
Stops a consumer of aiokafka, whose own ``stop`` may end in the middle while a broker is away (aiokafka 0.14).

``Fetcher.close`` cancels each fetch that is under way and waits for it. One that pauses because a broker did not answer
lets the cancellation out: CancelledError in whoever stops the consumer, though nobody cancelled that one, and with the
connections open still. Such an error ends a task without a word, and a command as if somebody had pressed Ctrl-C.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer


@asynccontextmanager
async def started(consumer: AIOKafkaConsumer) -> AsyncIterator[AIOKafkaConsumer]:
    """Start a consumer, and stop it however this context ends. Instead of aiokafka's own ``async with``."""
    try:
        await consumer.start()
        yield consumer
    finally:
        await stop(consumer)


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
