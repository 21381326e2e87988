"""
Writes batches of outcomes. Both tables in one transaction: a batch is stored or it is not.

It never retries: waiting is the business of whoever holds the offsets. It does drop the connections that an error has
made useless, so that the next attempt starts from new ones.
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
    """The two tables of outcomes, for writing. One instance per pool; calls may overlap."""

    def __init__(self, pool: Pool, limits: RefusalLimits | None = None) -> None:
        self._pool = pool
        self._refusals = RefusalRun(limits or RefusalLimits())

    async def upsert(
        self, classifications: Sequence[ClassificationRecord], rejections: Sequence[RejectionRecord] = ()
    ) -> Upserted:
        """
        Store what is newer than the tables hold, all of it or nothing.

        Raises:
            TransientPersistenceError: repeat the call later.
            MisconfiguredDatabase: repeat it slowly, and call somebody.
            PermanentPersistenceError: at least one row can never be stored (``upsert_isolating`` finds which).
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
        Store every row that can be stored, and name those that cannot.

        A batch that fails for good is halved until the bad rows stand alone, each half in its own transaction: about
        two statements per bad row and halving, instead of one per row.

        Returns:
            What became of the stored rows, and the refused ones with their errors, for the dead letters.

        Raises:
            TransientPersistenceError, MisconfiguredDatabase: as ``upsert``. Rows stored before are stale when repeated.
            MassRefusal: more was refused than ``RefusalLimits`` allow. No row may be given up; repeat once mended.
        """
        isolation = Isolation(self.upsert, self._refusals, rows=len(classifications) + len(rejections))
        upserted = await isolation.store(classifications, rejections)
        self._refusals.settle(stored=upserted.rows, errors=[refused.error for refused in isolation.refused])
        return upserted, isolation.refused

    async def locked(self, ids: Sequence[UUID]) -> set[UUID]:
        """
        Which objects have a row that somebody else has locked at this moment.

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
            # A single statement is its own transaction; BEGIN and COMMIT would add two round trips.
            connection.transaction() if classifications and rejections else nullcontext(),
        ):
            # Always in this order: two batches that hold both kinds then lock in the same order.
            labelled = await upsert_classifications(connection, classifications)
            return labelled + await upsert_rejections(connection, rejections)
