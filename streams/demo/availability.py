"""Reports when a service stops answering the demo, and when it answers again."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiokafka.errors import KafkaError
from botocore.exceptions import BotoCoreError, ClientError

from persistence.errors import PersistenceError
from streams.demo.supervisor import Report
from streams.kafka.errors import BrokerRefusal
from streams.runtime.error_text import error_text

TIMEOUT_SECONDS: Final = 4.0
PROBE_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 0.5
AWAY: Final = (PersistenceError, KafkaError, BrokerRefusal, BotoCoreError, ClientError, OSError, TimeoutError)
"""Errors of clients while a service does not answer, or is still starting."""


async def watch(name: str, ask: Callable[[], Awaitable[Any]], report: Report) -> None:
    """Probe a service until cancelled. ``ask`` raises one of ``AWAY`` while it does not answer."""
    since: float | None = None

    def away(why: str) -> float:
        report(name, "away", f"{why}; waiting for it")
        return time.monotonic()

    while True:
        asking = asyncio.ensure_future(ask())
        try:
            # wait() does not cancel: a client of a hanging service may hang in its cancellation too.
            done, _ = await asyncio.wait({asking}, timeout=TIMEOUT_SECONDS)
            if not done and since is None:
                since = away(f"no answer for {TIMEOUT_SECONDS:.0f} s")
            await asyncio.wait({asking})
            asking.result()
        except AWAY as error:
            if since is None:
                since = away(error_text(error))
        else:
            if since is not None:
                report(name, "back", f"after {time.monotonic() - since:.0f} s")
                since = None
        finally:
            asking.cancel()
        await asyncio.sleep(PROBE_SECONDS)


async def while_away(work: Callable[[], Awaitable[None]]) -> None:
    """Run ``work``, and run it again after each of the errors ``AWAY``."""
    while True:
        try:
            await work()
        except AWAY:
            await asyncio.sleep(RETRY_SECONDS)


async def within(seconds: float, work: Awaitable[Any]) -> Any:
    """
    The result of ``work``.

    Raises:
        TimeoutError: if it takes longer. It is cancelled, but not awaited: see ``watch``.
    """
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        task.cancel()
        raise TimeoutError(f"no answer within {seconds:.0f} s")
    return task.result()
