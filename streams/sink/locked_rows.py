"""
Sets aside the rows that somebody else has locked, as a transaction does that a person left open: the others of their
batch are stored, and so is every batch after it.
"""

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import structlog

from persistence.errors import PersistenceError, RowLockedError, TransientPersistenceError
from persistence.isolation import Refused
from persistence.records import ClassificationRecord, RejectionRecord
from persistence.store import Store
from persistence.upsert import Upserted
from streams.sink.rows import Record

MOST: Final = 100
"""So many locked rows of one batch may be set aside. More than that are no row's trouble: the table is locked."""
STATEMENT_TIMED_OUT: Final = "57014"
LOOK_SECONDS: Final = 2.0
"""For the question which rows are locked. A database that is away does not answer it."""

log = structlog.get_logger()


class LockedRows:
    """Knows which objects are locked, so that their next versions hold up nobody."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ids: set[UUID] = set()

    @property
    def any(self) -> bool:
        """Whether a row was found locked, and not yet found free."""
        return bool(self._ids)

    async def upsert(self, records: Sequence[Record]) -> tuple[Upserted, list[Refused], set[UUID]]:
        """
        Store the records, as ``Store.upsert_isolating`` does, but those of objects that are locked.

        Returns:
            What became of the stored ones, the refused ones, and the ids of those that were set aside.

        Raises:
            PersistenceError: as ``Store.upsert_isolating``, also where a lock is no row's: none is found, or very many.
        """
        aside: set[UUID] = set()
        if known := self._ids & {record.id for record in records}:
            aside = await self._store.locked(sorted(known))
            self._ids -= known - aside
        try:
            stored, refused = await self._upsert([record for record in records if record.id not in aside])
        except TransientPersistenceError as error:
            found = await self._found(records, error)
            if not found - aside or len(found) > MOST:
                raise
            log.warning("rows.locked", ids=[str(each) for each in sorted(found)][:10], rows=len(found))
            self._ids |= found
            aside |= found
            stored, refused = await self._upsert([record for record in records if record.id not in aside])
        return stored, refused, aside

    async def _found(self, records: Sequence[Record], error: TransientPersistenceError) -> set[UUID]:
        """The ids of the locked rows among them, if the error may come of a lock."""
        if not (
            isinstance(error, RowLockedError)
            or error.sqlstate == STATEMENT_TIMED_OUT
            or isinstance(error.__cause__, TimeoutError)  # the driver's: no time-out is set for the writer's role
        ):
            return set()
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                return await self._store.locked(sorted({record.id for record in records}))
        except (PersistenceError, TimeoutError):  # the database is away: what is told is how that was noticed
            return set()

    async def _upsert(self, records: Sequence[Record]) -> tuple[Upserted, list[Refused]]:
        return await self._store.upsert_isolating(
            [record for record in records if isinstance(record, ClassificationRecord)],
            [record for record in records if isinstance(record, RejectionRecord)],
        )
