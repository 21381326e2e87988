"""
Forms batches out of single items. Knows neither pictures nor rows.

A batch takes the items that have arrived, up to the maximum. If it is not full, it waits a little for announced items,
and not at all without any. While one batch runs, the next one gathers: at low load an item goes alone and at once, at
high load batches fill without a wait. Where a batch runs faster than items arrive, a linger under load makes batches
larger.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

from streams.contracts.traceparent import Trace
from streams.runtime import tracing

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

Run = Callable[[Sequence[ItemT]], Awaitable[Sequence[ResultT]]]


class Batcher(Generic[ItemT, ResultT]):
    """
    Turns ``submit(item)`` calls of many tasks into calls of ``run(items)``; every caller gets its own item's result.

    Args:
        run: handles 1 to ``max_size`` items; returns as many results in the same order. Its exception ends ``serve``:
            the failure of a whole batch is no single item's fault.
        max_size: items in one batch, at least 1.
        max_wait_seconds: how long a batch that is not full waits for items that are announced (see ``expecting``).
        concurrency: how many batches may run at the same time.
        linger_seconds: how long a batch that is not full waits under load, which is when the batch before it ended less
            than this ago. At low load it does not linger.
        on_batch: called with the size of each batch and how long its first item had waited, in seconds.
        traced_as: the name of a batch's span, which links to the spans that submitted its items; None: no span.
    """

    def __init__(
        self,
        run: Run[ItemT, ResultT],
        *,
        max_size: int,
        max_wait_seconds: float,
        concurrency: int = 1,
        linger_seconds: float = 0.0,
        on_batch: Callable[[int, float], None] = lambda _size, _waited: None,
        traced_as: str | None = None,
    ) -> None:
        self._run = run
        self._max_size = max_size
        self._max_wait_seconds = max_wait_seconds
        self._concurrency = concurrency
        self._linger_seconds = linger_seconds
        self._ended = float("-inf")
        self._on_batch = on_batch
        self._traced_as = traced_as
        self._waiting: deque[tuple[ItemT, asyncio.Future[ResultT], float, Trace | None]] = deque()
        self._announced = 0
        self._changed = asyncio.Event()

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """Announce an item: a batch may wait for it until this context ends, with the item submitted or given up."""
        self._announced += 1
        try:
            yield
        finally:
            self._announced -= 1
            self._changed.set()

    async def submit(self, item: ItemT) -> ResultT:
        """Submit an item and wait for its result. ``serve`` must be running."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[ResultT] = loop.create_future()
        self._waiting.append((item, future, loop.time(), tracing.current()))
        self._changed.set()
        return await future

    async def serve(self) -> None:
        """Run batches for ever. An exception of ``run`` ends it."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(self._run_batches())

    async def _run_batches(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._gather()
            size = min(len(self._waiting), self._max_size)
            batch = [self._waiting.popleft() for _ in range(size)]
            if not batch:  # another task took it
                continue
            self._on_batch(size, loop.time() - batch[0][2])
            with tracing.batch(self._traced_as, (trace for *_, trace in batch)):
                results = await self._run([item for item, *_ in batch])
            self._ended = loop.time()
            for (_, future, *_), result in zip(batch, results, strict=True):
                if not future.done():  # its task was cancelled meanwhile
                    future.set_result(result)

    async def _gather(self) -> None:
        while not self._waiting:
            await self._change()
        now = asyncio.get_running_loop().time()
        under_load = now - self._ended < self._linger_seconds
        deadline = now + max(self._max_wait_seconds, self._linger_seconds if under_load else 0)
        while self._waiting and (self._announced or under_load) and len(self._waiting) < self._max_size:
            try:
                async with asyncio.timeout_at(deadline):
                    await self._change()
            except TimeoutError:
                return

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
