"""
Sets aside rows that another transaction has locked, such as one that a person left open. The other rows of the batch,
and later batches, are stored.
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

LOCKED_MAX: Final = 100
"""How many locked rows of a batch may be set aside. With more, the table is locked, not the rows."""
STATEMENT_TIMED_OUT: Final = "57014"
QUERY_SECONDS: Final = 2.0
"""Timeout of the query for locked rows."""

log = structlog.get_logger()


class LockedRows:
    """Remembers the locked objects, so that their later versions hold up no batch."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ids: set[UUID] = set()

    @property
    def any(self) -> bool:
        """Whether any row is known to be locked."""
        return bool(self._ids)

    async def upsert(self, records: Sequence[Record]) -> tuple[Upserted, list[Refused], set[UUID]]:
        """
        Store the records of the objects that are not locked, as ``Store.upsert_isolating`` does.

        Returns:
            The counts of the stored rows, the refused rows, and the ids of the locked ones.

        Raises:
            PersistenceError: as ``Store.upsert_isolating``; also if a lock is not found on a row, or on LOCKED_MAX
                rows.
        """
        skipped: set[UUID] = set()
        if known := self._ids & {record.id for record in records}:
            skipped = await self._store.locked(sorted(known))
            self._ids -= known - skipped
        try:
            stored, refused = await self._upsert([record for record in records if record.id not in skipped])
        except TransientPersistenceError as error:
            found = await self._found(records, error)
            if not found - skipped or len(found) > LOCKED_MAX:
                raise
            log.warning("rows.locked", ids=[str(each) for each in sorted(found)][:10], rows=len(found))
            self._ids |= found
            skipped |= found
            stored, refused = await self._upsert([record for record in records if record.id not in skipped])
        return stored, refused, skipped

    async def _found(self, records: Sequence[Record], error: TransientPersistenceError) -> set[UUID]:
        """The ids of the locked rows among them, if the error may come from a lock."""
        if not (
            isinstance(error, RowLockedError)
            or error.sqlstate == STATEMENT_TIMED_OUT
            or isinstance(
                error.__cause__, TimeoutError
            )  # asyncpg's own timeout, if the writer's role has no lock_timeout
        ):
            return set()
        try:
            async with asyncio.timeout(QUERY_SECONDS):
                return await self._store.locked(sorted({record.id for record in records}))
        except (PersistenceError, TimeoutError):  # the database is unavailable: the caller raises the first error
            return set()

    async def _upsert(self, records: Sequence[Record]) -> tuple[Upserted, list[Refused]]:
        return await self._store.upsert_isolating(
            [record for record in records if isinstance(record, ClassificationRecord)],
            [record for record in records if isinstance(record, RejectionRecord)],
        )
