"""Finds the rows that make a batch fail, by bisection. Knows no SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from persistence.errors import PermanentPersistenceError
from persistence.upsert import Upserted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from persistence.records import ClassificationRecord, Record, RejectionRecord
    from persistence.refusals import RefusalRun

    class Upsert(Protocol):
        """Stores all rows, or none."""

        async def __call__(  # noqa: D102  # see the class
            self, classifications: Sequence[ClassificationRecord], rejections: Sequence[RejectionRecord], /
        ) -> Upserted: ...


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that PostgreSQL will never accept, and why."""

    record: Record
    error: PermanentPersistenceError


class Isolation:
    """The bisection of one batch. ``refused`` collects the refused rows."""

    def __init__(self, upsert: Upsert, limits: RefusalRun, *, rows: int) -> None:
        self._upsert = upsert
        self._limits = limits
        self._rows = rows
        self.refused: list[Refused] = []

    async def store(
        self, classifications: Sequence[ClassificationRecord], rejections: Sequence[RejectionRecord]
    ) -> Upserted:
        """
        Store the rows. If they are refused, split them, down to the single refused rows.

        Raises:
            MassRefusal: too many rows are refused. The remaining rows are not tried.
        """
        try:
            return await self._upsert(classifications, rejections)
        except PermanentPersistenceError as error:
            return await self.split(classifications, rejections, error)

    async def split(
        self,
        classifications: Sequence[ClassificationRecord],
        rejections: Sequence[RejectionRecord],
        error: PermanentPersistenceError,
    ) -> Upserted:
        """As ``store``, for rows that were refused with ``error``."""
        rows = len(classifications) + len(rejections)
        if rows == 1:
            record = classifications[0] if classifications else rejections[0]
            self.refused.append(Refused(record, error))
            self._limits.check(self._rows, [refused.error for refused in self.refused])
            return Upserted()
        # First by table, since each table has its own statement.
        if classifications and rejections:
            return await self.store(classifications, ()) + await self.store((), rejections)
        middle = rows // 2
        if classifications:
            return await self.store(classifications[:middle], ()) + await self.store(classifications[middle:], ())
        return await self.store((), rejections[:middle]) + await self.store((), rejections[middle:])
