"""
The board as a reader of the tables: which of its pictures are stored, and the totals. Only while somebody watches.

A database that is away is said, and asked again; what comes from Kafka goes on meanwhile.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from persistence import reads, rejection_reads
from persistence.errors import PersistenceError
from persistence.pool import Pool
from streams.board.state import Board
from streams.runtime.outages import Outages

IDS_AT_ONCE: Final = 500
LOOK_SECONDS: Final = 0.25
AGAIN_SECONDS: Final = 1.0
COUNT_SECONDS: Final = 5.0
COUNT_SHARE: Final = 30
"""Totals read every row. So many times longer than a count took is waited before the next: 3 % of one connection."""


class Tables:
    """Follows the tables for a board."""

    def __init__(self, pool: Pool, board: Board, outages: Outages, is_watched: Callable[[], bool]) -> None:
        self._pool = pool
        self._board = board
        self._outages = outages
        self._is_watched = is_watched

    async def follow(self) -> None:
        """Look for ever."""
        async with asyncio.TaskGroup() as looking:
            looking.create_task(self._follow_pictures())
            looking.create_task(self._follow_totals())

    async def _follow_pictures(self) -> None:
        while True:
            hurry = True
            if self._is_watched():
                before = self._board.revision
                answered = await self._look()
                few = len(self._board.unstored) < IDS_AT_ONCE
                hurry = answered and (few or self._board.revision != before)
            await asyncio.sleep(LOOK_SECONDS if hurry else AGAIN_SECONDS)

    async def _look(self) -> bool:
        """Go once through what is not known to be stored. Gives whether the database answered."""
        try:
            for ids in _in_portions(list(self._board.unstored), IDS_AT_ONCE):
                for row in await reads.find_many(self._pool, ids):
                    version = (row.source_sequencer, row.timestamp)
                    self._board.stored(row.id, version, row.model_rev, row.updated_at)
                self._answered()
                await self._look_at_nameless(ids)
        except PersistenceError as error:
            self._away(error)
            return False
        return True

    async def _look_at_nameless(self, ids: Sequence[UUID]) -> None:
        """Messages that name no object are in no view of objects: their rows are rejections."""
        known = (self._board.picture(each) for each in ids)
        nameless = tuple(each.id for each in known if each and each.key is None and each.stored_at is None)
        if nameless:
            wanted = rejection_reads.RejectionFilter(ids=nameless, superseded=True)
            page = await rejection_reads.page(self._pool, wanted, limit=len(nameless))
            for row in page.rejections:
                self._board.stored(row.id, (row.source_sequencer, row.timestamp), row.model_rev, row.updated_at)

    async def _follow_totals(self) -> None:
        while True:
            if not self._is_watched():
                await asyncio.sleep(LOOK_SECONDS)
                continue
            began = time.monotonic()
            try:
                counts = await reads.count_outcomes(self._pool)
            except PersistenceError as error:
                self._away(error)
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            self._answered()
            self._board.counted(counts, datetime.now(UTC))
            await asyncio.sleep(max(COUNT_SECONDS, COUNT_SHARE * (time.monotonic() - began)))

    def _answered(self) -> None:
        self._board.found(database="there")
        self._outages.end("database")

    def _away(self, error: PersistenceError) -> None:
        self._board.found(database="away")
        self._outages.begin("database", error)


def _in_portions(ids: Sequence[UUID], size: int) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
