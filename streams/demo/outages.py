"""Who does not answer the demo: told once, waited for, and told again when it is back."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiokafka.errors import KafkaError
from botocore.exceptions import BotoCoreError, ClientError

from persistence.errors import PersistenceError
from streams.demo.supervising import Tell
from streams.kafka.errors import BrokerRefusal

ANSWER_SECONDS: Final = 4.0
ASK_SECONDS: Final = 1.0
WAIT_SECONDS: Final = 0.5
AWAY: Final = (PersistenceError, KafkaError, BrokerRefusal, BotoCoreError, ClientError, OSError, TimeoutError)
"""What a client says while its part does not answer, or is not itself yet."""


async def watch(name: str, ask: Callable[[], Awaitable[Any]], tell: Tell) -> None:
    """Ask a part for a sign of life, for ever."""
    since: float | None = None

    def away(why: str) -> float:
        tell(name, "away", f"{why}; waiting for it")
        return time.monotonic()

    while True:
        asking = asyncio.ensure_future(ask())
        try:
            # Not a time-out that cancels: what asks a part that hangs may hang in its own cancellation.
            done, _ = await asyncio.wait({asking}, timeout=ANSWER_SECONDS)
            if not done and since is None:
                since = away(f"no answer for {ANSWER_SECONDS:.0f} s")
            await asyncio.wait({asking})
            asking.result()
        except AWAY as error:
            if since is None:
                since = away(str(error).partition("\n")[0] or type(error).__name__)
        else:
            if since is not None:
                tell(name, "back", f"after {time.monotonic() - since:.0f} s")
                since = None
        finally:
            asking.cancel()
        await asyncio.sleep(ASK_SECONDS)


async def while_away(work: Callable[[], Awaitable[None]]) -> None:
    """Do work that never ends, again and again while a part is away."""
    while True:
        try:
            await work()
        except AWAY:
            await asyncio.sleep(WAIT_SECONDS)


async def within(seconds: float, work: Awaitable[Any]) -> Any:
    """
    What the work gives.

    Raises:
        TimeoutError: if it takes longer. It is left alone then, see ``watch``.
    """
    doing = asyncio.ensure_future(work)
    done, _ = await asyncio.wait({doing}, timeout=seconds)
    if not done:
        doing.cancel()
        raise TimeoutError(f"no answer within {seconds:.0f} s")
    return doing.result()
