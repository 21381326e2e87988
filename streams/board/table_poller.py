"""
Polls the tables for the board: which of its pictures are stored, and the totals. Only while the page has viewers.

While the database is unavailable, the board says so and polling goes on; results from Kafka are still shown.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from math import inf
from typing import Final
from uuid import UUID

from persistence import reads, rejection_reads
from persistence.errors import PersistenceError
from persistence.pool import Pool
from streams.board.pace import pause
from streams.board.state import Board
from streams.runtime.outages import Outages

IDS_AT_ONCE: Final = 500
POLL_SECONDS: Final = 0.25
RETRY_SECONDS: Final = 1.0
PRESENCE_SECONDS: Final = 3.0
PRESENCE_TIMEOUT_SECONDS: Final = 5.0
COUNT_SECONDS: Final = 5.0
COUNT_SHARE: Final = 30
"""A count reads every row. The pause after it is this many times longer: counting takes 3 % of one connection."""


class TablePoller:
    """Polls the tables for a board."""

    def __init__(self, pool: Pool, board: Board, outages: Outages, is_watched: Callable[[], bool]) -> None:
        self._pool = pool
        self._board = board
        self._outages = outages
        self._is_watched = is_watched

    async def follow(self) -> None:
        """Poll until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_pictures())
            group.create_task(self._follow_totals())
            group.create_task(self._follow_presence())

    async def _follow_pictures(self) -> None:
        while True:
            hurry = True
            if self._is_watched():
                before = self._board.revision
                answered = await self._poll()
                few = len(self._board.unstored) < IDS_AT_ONCE
                hurry = answered and (few or self._board.revision != before)
            await asyncio.sleep(POLL_SECONDS if hurry else RETRY_SECONDS)

    async def _poll(self) -> bool:
        """Look once for the rows of all unstored pictures. Returns whether the database answered."""
        try:
            for ids in _chunks(list(self._board.unstored), IDS_AT_ONCE):
                for row in await reads.find_many(self._pool, ids):
                    version = (row.source_sequencer, row.timestamp)
                    self._board.stored(row.id, version, row.model_rev, row.updated_at)
                self._answered()
                await self._poll_nameless(ids)
        except PersistenceError as error:
            self._away(error)
            return False
        return True

    async def _poll_nameless(self, ids: Sequence[UUID]) -> None:
        """Messages that name no object have rejections only, which the view of objects leaves out."""
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
                await asyncio.sleep(POLL_SECONDS)
                continue
            began = time.monotonic()
            try:
                counts = await reads.count_outcomes(self._pool)
            except PersistenceError as error:
                self._away(error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            self._answered()
            self._board.counted(counts, datetime.now(UTC))
            await asyncio.sleep(max(COUNT_SECONDS, COUNT_SHARE * (time.monotonic() - began)))

    async def _follow_presence(self) -> None:
        """Notice within seconds that the database does not answer, also while nothing else is asked of it."""
        while True:
            if self._is_watched():
                asking = asyncio.create_task(reads.answers(self._pool))
                done, _ = await asyncio.wait([asking], timeout=PRESENCE_TIMEOUT_SECONDS)
                if not done:  # it is not cancelled: a frozen server would hold up the cancellation, too
                    self._away("no answer in time")
                try:
                    await asking
                except PersistenceError as error:
                    self._away(error)
                else:
                    self._answered()
            await pause(self._is_watched, watched_seconds=PRESENCE_SECONDS, unwatched_seconds=inf)

    def _answered(self) -> None:
        self._board.found(datetime.now(UTC), database="there")
        self._outages.end("database")

    def _away(self, error: PersistenceError | str) -> None:
        self._board.found(datetime.now(UTC), database="away")
        self._outages.begin("database", error)


def _chunks(ids: Sequence[UUID], size: int) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
