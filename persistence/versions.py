"""Reads the stored versions of many objects, for the comparison with a bucket's listing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from persistence.errors import translated_errors
from persistence.pool import ACQUIRE_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from persistence.pool import Pool

# Lookups by primary key in both tables. Returns the newer of an object's two rows in the version order; a label wins
# over a rejection of the same version, as in the view. Sequencers are padded on the right, also before migration 0012.
STORED_VERSIONS = """
SELECT DISTINCT ON (id) id, etag, sequencer, uploaded_at, model_rev, reason
  FROM (
       SELECT id, source_etag AS etag, rpad(ltrim(source_sequencer, '0'), 64, '0') AS sequencer,
              timestamp AS uploaded_at, model_rev, NULL::text AS reason
         FROM classification_records
        WHERE id = ANY($1::uuid[])
        UNION ALL
       SELECT id, source_etag, rpad(ltrim(source_sequencer, '0'), 64, '0'), timestamp, model_rev, reason
         FROM image_rejections
        WHERE id = ANY($1::uuid[])) AS rows
 ORDER BY id, sequencer COLLATE "C" DESC, uploaded_at DESC, model_rev DESC, reason NULLS FIRST
"""


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """
    The version of an object's newest outcome.

    ``sequencer`` has 64 hex digits. ``uploaded_at`` is aware. ``reason``: of a rejection, None for a label. ``etag`` is
    None if the object was rejected before it was read.
    """

    sequencer: str
    uploaded_at: datetime
    model_rev: int
    etag: str | None = None
    reason: str | None = None


async def stored_versions(pool: Pool, object_ids: Sequence[UUID]) -> dict[UUID, StoredVersion]:
    """
    The stored versions of these objects; objects without rows are left out.

    Args:
        pool: Of a writer or a reader.
        object_ids: Up to some hundreds.

    Raises:
        PersistenceError: as ``translated_errors``.
    """
    with translated_errors():
        async with pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as connection:
            rows = await connection.fetch(STORED_VERSIONS, object_ids)
    return {
        row["id"]: StoredVersion(row["sequencer"], row["uploaded_at"], row["model_rev"], row["etag"], row["reason"])
        for row in rows
    }
