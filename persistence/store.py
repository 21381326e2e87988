"""
Writes batches of outcomes to both tables in one transaction.

It does not retry; the caller does, since it holds the offsets. After some errors it closes the pool's connections, so
that the next attempt opens new ones.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from persistence.errors import EXPIRES_CONNECTIONS, PersistenceError, translated_errors
from persistence.isolation import Isolation, Refused
from persistence.pool import ACQUIRE_TIMEOUT_SECONDS
from persistence.refusals import RefusalLimits, RefusalRun
from persistence.upsert import Upserted, locked, upsert_classifications, upsert_rejections

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from persistence.pool import Pool
    from persistence.records import ClassificationRecord, RejectionRecord

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
        isolation = Isolation(self.upsert, self._refusals, rows=len(classifications) + len(rejections))
        upserted = await isolation.store(classifications, rejections)
        self._refusals.settle(stored=upserted.rows, errors=[refused.error for refused in isolation.refused])
        return upserted, isolation.refused

    async def locked(self, ids: Sequence[UUID]) -> set[UUID]:
        """
        The objects among these with a row that another transaction has locked now.

        Raises:
            TransientPersistenceError, MisconfiguredDatabase: as ``upsert``.
        """
        with translated_errors():
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as connection:
                return await locked(connection, ids)

    async def _write(
        self, classifications: Sequence[ClassificationRecord], rejections: Sequence[RejectionRecord]
    ) -> Upserted:
        async with (
            self._pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as connection,
            # A single statement is its own transaction, which saves the round trips of BEGIN and COMMIT.
            connection.transaction() if classifications and rejections else nullcontext(),
        ):
            # Always in this order, so that overlapping batches lock in the same order.
            labelled = await upsert_classifications(connection, classifications)
            return labelled + await upsert_rejections(connection, rejections)
