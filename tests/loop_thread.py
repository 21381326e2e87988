"""An event loop in a thread of its own, for servers that must go on while a test blocks."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")

_PATIENCE_SECONDS = 60.0
_TURNS = 8


async def settled() -> None:
    """What the loop has begun is done: a connection is accepted, and a transport closed, over a few of its turns."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


async def close(server: asyncio.Server) -> None:
    """Close it; a connection that asyncio is accepting in the same turn would be left half made, and never closed."""
    for listening in server.sockets:
        asyncio.get_running_loop().remove_reader(listening.fileno())
    await settled()
    server.close()


class LoopThread:
    """Runs coroutines and plain calls on its loop; every method may be called from any other thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the loop; what still runs on it must have been ended before."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_PATIENCE_SECONDS)
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """The result of a coroutine."""
        future: Future[ResultT] = asyncio.run_coroutine_threadsafe(work, self.loop)
        return future.result(_PATIENCE_SECONDS)

    def do(self, act: Callable[[], object]) -> None:
        """Call on the loop; return when that is done."""

        async def now() -> None:
            act()

        self.run(now())
