"""
Caches frequent reads for a fixed time: totals, and the first page of a selection.

The query of a cached answer started at most ``ttl_seconds`` ago, or is still running. Writes do not invalidate the
cache, so it is for people and dashboards. Use ``persistence.reads`` to see the latest rows.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from persistence import reads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

    from persistence.keyset import AnyCursor
    from persistence.pool import Pool
    from persistence.selection import Selection

TTL_SECONDS = 10.0  # about how often a person reloads a page
MAX_ENTRIES = 256  # pages of 50 rows are some 20 kB each: 5 MB

ValueT = TypeVar("ValueT")


class Cache(Generic[ValueT]):
    """
    Caches the results of ``load`` by key. Concurrent callers of a key share one load.

    A failed load is not cached: all waiting callers get its error, and the next caller loads again. Cancelling a caller
    does not cancel the load. For one event loop.

    Args:
        ttl_seconds: Maximum age of an answer, from the start of its load; 0 only joins concurrent loads.
        max_entries: Least recently used entries beyond this are dropped.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        *,
        ttl_seconds: float = TTL_SECONDS,
        max_entries: int = MAX_ENTRIES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ttl_seconds = ttl_seconds
        self._max_entries = max_entries
        self._clock = clock
        self._entries: OrderedDict[Hashable, tuple[float, asyncio.Future[ValueT]]] = OrderedDict()

    async def get(self, key: Hashable, load: Callable[[], Awaitable[ValueT]]) -> ValueT:
        """The cached answer, or the result of ``load``. Raises what ``load`` raises."""
        entry = self._entries.get(key)
        if entry is None or self._is_stale(*entry):
            # A separate task, since the first caller may be cancelled.
            entry = (self._clock(), asyncio.ensure_future(load()))
            entry[1].add_done_callback(_retrieve_exception)
            self._entries[key] = entry
        self._entries.move_to_end(key)
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)
        return await asyncio.shield(entry[1])

    def _is_stale(self, began: float, answer: asyncio.Future[ValueT]) -> bool:
        if not answer.done():
            return False  # a second query would not be faster
        if answer.cancelled() or answer.exception() is not None:
            return True
        return self._clock() - began >= self._ttl_seconds


def _retrieve_exception(answer: asyncio.Future[ValueT]) -> None:
    """Retrieve the exception, so that asyncio does not log it as never retrieved if all callers are gone."""
    if not answer.cancelled():
        answer.exception()


class CachedReads:
    """Cached ``persistence.reads`` over one pool."""

    def __init__(self, pool: Pool, cache: Cache[object] | None = None) -> None:
        self._pool = pool
        self._cache: Cache[object] = cache or Cache()

    async def count_outcomes(self) -> reads.OutcomeCounts:
        """As ``reads.count_outcomes``; the answer may be as old as the cache's time to live."""
        counts = await self._cache.get("counts", lambda: reads.count_outcomes(self._pool))
        return cast("reads.OutcomeCounts", counts)

    async def select(self, selection: Selection, after: AnyCursor | None = None, *, limit: int = 50) -> reads.Rows:
        """As ``reads.select``; only first pages are cached."""
        if after is not None:
            return await reads.select(self._pool, selection, after, limit=limit)
        rows = await self._cache.get((selection, limit), lambda: reads.select(self._pool, selection, limit=limit))
        return cast("reads.Rows", rows)
