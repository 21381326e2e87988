"""Finds rows that another transaction has locked, such as one that a person left open. The batch goes without them."""

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import structlog

from persistence.errors import PersistenceError, RowLockedError, TransientPersistenceError
from persistence.store import Store
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

    async def known_among(self, records: Sequence[Record]) -> set[UUID]:
        """The ids of the records whose rows were locked before and still are. Raises PersistenceError."""
        known = self._ids & {record.id for record in records}
        locked = await self._store.locked(sorted(known)) if known else set()
        self._ids -= known - locked
        return locked

    async def found_after(
        self, error: TransientPersistenceError, records: Sequence[Record], known: set[UUID]
    ) -> set[UUID]:
        """
        The ids of the locked rows that made a batch fail with ``error``, which are remembered.

        Raises:
            TransientPersistenceError: ``error``, if no row but the ``known`` ones is locked, or more than LOCKED_MAX.
        """
        found = await self._found(records, error)
        if not found - known or len(found) > LOCKED_MAX:
            raise error
        log.warning("rows.locked", ids=[str(each) for each in sorted(found)][:10], rows=len(found))
        self._ids |= found
        return found

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
