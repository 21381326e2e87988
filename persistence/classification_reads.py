"""Reads one classification with all columns. Pages and totals: ``persistence.reads``."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from persistence.errors import translated_errors
from persistence.pool import ACQUIRE_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal
    from uuid import UUID

    from persistence.pool import Pool


@dataclass(frozen=True, slots=True)
class Classification:
    """
    One row of ``classification_records``, even if a newer rejection supersedes it.

    ``confidence`` is 0..1, ``processing_time`` in milliseconds. ``created_at`` is the first write of the row,
    ``updated_at`` the last. The source columns are None in rows that are older than these columns.
    """

    id: UUID
    user_name: str
    image_url: str
    classification: str
    confidence: Decimal
    processing_time: int
    timestamp: datetime
    source_bucket: str | None
    source_key: str | None
    source_version_id: str | None
    source_etag: str | None
    source_sequencer: str
    model_name: str | None
    model_version: str | None
    model_rev: int
    created_at: datetime
    updated_at: datetime
    trace_id: str | None


FIND = f"SELECT {', '.join(column.name for column in fields(Classification))} FROM classification_records WHERE id = $1"  # noqa: S608 - the names are this module's own


async def find(pool: Pool, id_: UUID) -> Classification | None:
    """The classification of one object, or None. Raises the errors of ``translated_errors``."""
    with translated_errors():
        async with pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as connection:
            row = await connection.fetchrow(FIND, id_)
    return None if row is None else Classification(**row)
