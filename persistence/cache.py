"""
Answers that are asked for often, kept for a stated time: totals, and the first page of a selection.

The query behind an answer began at most ``ttl_seconds`` ago, or is the one still running. Nothing is told of writes, so
it is for people and dashboards; whoever must see what was just stored asks ``persistence.reads`` itself.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from persistence import reads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

    from persistence.pool import Pool
    from persistence.selection import Cursor, Selection

TTL_SECONDS = 10.0  # about as long as a person looks at a page before reloading it
MAX_ENTRIES = 256  # pages of 50 rows are some 20 kB each: 5 MB

ValueT = TypeVar("ValueT")


class Cache(Generic[ValueT]):
    """
    Keeps what ``load`` gave, by key. Callers of one key that come while its load runs wait for that one load.

    A failed load is not kept: everybody who waited gets its error, and the next caller tries again. A caller that is
    cancelled leaves the load to the others. For one event loop.

    Args:
        ttl_seconds: How old an answer may be, counted from the start of its load; 0 only joins concurrent loads.
        max_entries: Beyond it, the entry that was not used for longest goes.
        clock: Seconds, monotonic.
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
        """The kept answer, or that of ``load``. Raises what ``load`` raises."""
        entry = self._entries.get(key)
        if entry is None or self._is_stale(*entry):
            # A task of its own: the caller that happened to come first may be cancelled.
            entry = (self._clock(), asyncio.ensure_future(load()))
            entry[1].add_done_callback(_look_at)
            self._entries[key] = entry
        self._entries.move_to_end(key)
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)
        return await asyncio.shield(entry[1])

    def _is_stale(self, began: float, answer: asyncio.Future[ValueT]) -> bool:
        if not answer.done():
            return False  # however long it takes, a second query would not be answered sooner
        if answer.cancelled() or answer.exception() is not None:
            return True
        return self._clock() - began >= self._ttl_seconds


def _look_at(answer: asyncio.Future[ValueT]) -> None:
    """Take note of an error that nobody may be left to receive, lest the event loop reports it as forgotten."""
    if not answer.cancelled():
        answer.exception()


class CachedReads:
    """``persistence.reads`` for those who ask often, over one pool."""

    def __init__(self, pool: Pool, cache: Cache[object] | None = None) -> None:
        self._pool = pool
        self._cache: Cache[object] = cache or Cache()

    async def count_outcomes(self) -> reads.OutcomeCounts:
        """As ``reads.count_outcomes``, at most the cache's time to live old."""
        counts = await self._cache.get("counts", lambda: reads.count_outcomes(self._pool))
        return cast("reads.OutcomeCounts", counts)

    async def select(self, selection: Selection, after: Cursor | None = None, *, limit: int = 50) -> reads.Rows:
        """As ``reads.select``; first pages are kept, since those are what many people look at."""
        if after is not None:
            return await reads.select(self._pool, selection, after, limit=limit)
        rows = await self._cache.get((selection, limit), lambda: reads.select(self._pool, selection, limit=limit))
        return cast("reads.Rows", rows)
