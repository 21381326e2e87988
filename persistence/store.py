"""
Writes batches of outcomes to both tables in one transaction.

It does not retry; the caller does, since it holds the offsets. After some errors it closes the pool's connections, so
that the next attempt opens new ones.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Protocol

from persistence.errors import EXPIRES_CONNECTIONS, PermanentPersistenceError, PersistenceError, translated_errors
from persistence.isolation import Isolation, Refused
from persistence.pool import ACQUIRE_TIMEOUT_SECONDS
from persistence.refusals import RefusalLimits, RefusalRun
from persistence.upsert import LOCKED, UPSERT_CLASSIFICATIONS, UPSERT_REJECTIONS, Upserted, arrays

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any
    from uuid import UUID

    import asyncpg

    from persistence.pool import Pool
    from persistence.records import ClassificationRecord, Record, RejectionRecord

    class Connection(Protocol):
        """The used part of asyncpg's connections, pooled or not."""

        async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record | None:
            """The first row of the result."""


__all__ = ["Refused", "Store", "Upserted"]


class Store:
    """Writes the two tables of outcomes. One instance per pool; calls may overlap."""

    def __init__(self, pool: Pool, limits: RefusalLimits | None = None) -> None:
        self._pool = pool
        self._refusals = RefusalRun(limits or RefusalLimits())

    async def upsert(
        self, classifications: Sequence[ClassificationRecord], rejections: Sequence[RejectionRecord] = ()
    ) -> Upserted:
        """
        Store the rows that are newer than the stored ones; all or nothing.

        Raises:
            TransientPersistenceError: retry later.
            MisconfiguredDatabase: retry slowly, and alert a person.
            PermanentPersistenceError: at least one row can never be stored (``upsert_isolating`` finds it).
        """
        try:
            with translated_errors():
                return await self._write(classifications, rejections)
        except PersistenceError as error:
            if error.sqlstate in EXPIRES_CONNECTIONS:
                await self._pool.expire_connections()
            raise

    async def upsert_isolating(
        self, classifications: Sequence[ClassificationRecord], rejections: Sequence[RejectionRecord] = ()
    ) -> tuple[Upserted, list[Refused]]:
        """
        Store all rows that can be stored, and return those that cannot.

        A batch that fails permanently is bisected, each half in its own transaction: about two statements per bad row
        and halving, instead of one per row.

        Returns:
            The counts of the stored rows, and the refused rows with their errors.

        Raises:
            TransientPersistenceError, MisconfiguredDatabase: as ``upsert``. A retry finds rows stored before stale.
            MassRefusal: more rows were refused than ``RefusalLimits`` allows. Give up no row; retry once it is fixed.
        """
        refused: list[Refused] = []
        try:
            upserted = await self.upsert(classifications, rejections)
        except PermanentPersistenceError as error:
            isolation = Isolation(self.upsert, self._refusals, rows=len(classifications) + len(rejections))
            upserted, refused = await isolation.split(classifications, rejections, error), isolation.refused
        self._refusals.settle(stored=upserted.rows, errors=[each.error for each in refused])
        return upserted, refused

    async def locked(self, ids: Sequence[UUID]) -> set[UUID]:
        """
        The objects among these with a row that another transaction has locked now.

        Raises:
            TransientPersistenceError, MisconfiguredDatabase: as ``upsert``.
        """
        with translated_errors():
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as connection:
                return {row["id"] for statement in LOCKED for row in await connection.fetch(statement, ids)}

    async def _write(
        self, classifications: Sequence[ClassificationRecord], rejections: Sequence[RejectionRecord]
    ) -> Upserted:
        async with (
            self._pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as connection,
            # A single statement is its own transaction, which saves the round trips of BEGIN and COMMIT.
            connection.transaction() if classifications and rejections else nullcontext(),
        ):
            # Always in this order, so that overlapping batches lock in the same order.
            labelled = await write(connection, UPSERT_CLASSIFICATIONS, classifications)
            return labelled + await write(connection, UPSERT_REJECTIONS, rejections)


async def write(connection: Connection, statement: str, records: Sequence[Record]) -> Upserted:
    """Write the records of one table that are newer than its rows. Raises the driver's errors."""
    if not records:
        return Upserted()
    counts = await connection.fetchrow(statement, *arrays(records))
    assert counts is not None, "an aggregate without GROUP BY gives one row"
    inserted, updated = counts["inserted"], counts["updated"]
    return Upserted(inserted, updated, len(records) - inserted - updated)
