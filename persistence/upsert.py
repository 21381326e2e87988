"""
The statements that write a batch, one per table. The newer version of an object wins, in any order of arrival. Pure.

Versions are ordered by ``(source_sequencer, timestamp, model_rev)``; equal is not newer, so a replay writes nothing.
Stored sequencers are padded on the right for the comparison, which is needed until migration 0012 has padded them. Of
two rejections of one version, the one that passed more checks wins (``records.REASONS_BY_PROGRESS``).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import TYPE_CHECKING

from persistence.records import REASONS_BY_PROGRESS, ClassificationRecord, Record, RejectionRecord

if TYPE_CHECKING:
    from collections.abc import Sequence


# Only built-in array types: asyncpg looks others up with set_config, which pins a connection of RDS Proxy. varchar
# without a length: an explicit varchar(255) would truncate silently, while the column refuses longer text.
_ARRAYS = {
    "id": "uuid[]",
    "classification": "varchar[]",
    "user_name": "varchar[]",
    "confidence": "numeric[]",
    "processing_time": "int4[]",
    "timestamp": "timestamptz[]",
    "model_rev": "int4[]",
    "upload_event": "bytea[]",
}  # everything else is text[]

_STATEMENT = """
WITH written AS (
    INSERT INTO {table} AS t ({columns})
    -- One row per object: ON CONFLICT may not touch a row twice in a statement. Sorted by id, so that writers that
    -- overlap lock in the same order and never deadlock.
    SELECT DISTINCT ON (u.id) u.*
      FROM unnest({arrays}) AS u({columns})
     -- An optimisation: rows that are not newer are not even locked, a replay is read-only. OFFSET 0 makes it a lookup
     -- per row; as a join it is hashed, and that reads the whole table for each batch.
     WHERE NOT EXISTS (
           SELECT FROM {table} e
            WHERE e.id = u.id
              AND (rpad(ltrim(e.source_sequencer, '0'), 64, '0'), e.timestamp, e.model_rev{e_progress})
                  >= (u.source_sequencer, u.timestamp, u.model_rev{u_progress})
           OFFSET 0)
     ORDER BY u.id, u.source_sequencer COLLATE "C" DESC, u.timestamp DESC, u.model_rev DESC{u_progress_last}
    -- The correctness: checked again on the row as the last commit left it.
    ON CONFLICT (id) DO UPDATE SET {assignments}, updated_at = CURRENT_TIMESTAMP
     WHERE (EXCLUDED.source_sequencer, EXCLUDED.timestamp, EXCLUDED.model_rev{excluded_progress})
           > (rpad(ltrim(t.source_sequencer, '0'), 64, '0'), t.timestamp, t.model_rev{t_progress})
    RETURNING (xmax = 0) AS is_new -- no transaction has superseded anything in a row that was just inserted
)
SELECT count(*) FILTER (WHERE is_new) AS inserted, count(*) FILTER (WHERE NOT is_new) AS updated FROM written
"""


@dataclass(frozen=True, slots=True)
class Upserted:
    """The rows of a batch by result. Stale: the table, or the batch, has that version or a newer one."""

    inserted: int = 0
    updated: int = 0
    stale: int = 0

    def __add__(self, other: Upserted) -> Upserted:
        return Upserted(self.inserted + other.inserted, self.updated + other.updated, self.stale + other.stale)

    @property
    def rows(self) -> int:
        """All rows."""
        return self.inserted + self.updated + self.stale


def _columns(record: type[Record]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(record))


def _statement(table: str, columns: tuple[str, ...], progress: str = "") -> str:
    """``progress``: an expression on ``{row}`` that breaks ties of equal versions; the greater wins."""
    compared = {row: f", {progress.format(row=row)}" if progress else "" for row in ("e", "u", "t", "EXCLUDED")}
    return _STATEMENT.format(
        table=table,
        e_progress=compared["e"],
        u_progress=compared["u"],
        t_progress=compared["t"],
        excluded_progress=compared["EXCLUDED"],
        u_progress_last=f"{compared['u']} DESC" if progress else "",
        columns=", ".join(columns),
        arrays=", ".join(f"${n}::{_ARRAYS.get(column, 'text[]')}" for n, column in enumerate(columns, 1)),
        assignments=", ".join(f"{column} = EXCLUDED.{column}" for column in columns if column != "id"),
    )


_CLASSIFICATION_COLUMNS = _columns(ClassificationRecord)
_REJECTION_COLUMNS = _columns(RejectionRecord)
UPSERT_CLASSIFICATIONS = _statement("classification_records", _CLASSIFICATION_COLUMNS)
_PROGRESS = "array_position('{{" + ",".join(REASONS_BY_PROGRESS) + "}}'::text[], {row}.reason)"
UPSERT_REJECTIONS = _statement("image_rejections", _REJECTION_COLUMNS, _PROGRESS)
_values = {
    ClassificationRecord: attrgetter(*_CLASSIFICATION_COLUMNS),
    RejectionRecord: attrgetter(*_REJECTION_COLUMNS),
}


def arrays(records: Sequence[Record]) -> list[tuple[object, ...]]:
    """The statement's arguments for records of one table: for each column, the values of all of them."""
    return list(zip(*map(_values[type(records[0])], records), strict=True))


# Locked rows exist, but SKIP LOCKED leaves them out. This statement's own locks end with it.
_LOCKED = """
SELECT e.id FROM {table} e WHERE e.id = ANY($1::uuid[])
EXCEPT
SELECT f.id FROM (SELECT id FROM {table} WHERE id = ANY($1::uuid[]) FOR NO KEY UPDATE SKIP LOCKED) f
"""
LOCKED = [_LOCKED.format(table=table) for table in ("classification_records", "image_rejections")]
"""Which rows of ``$1``, in each table, another transaction has locked now."""
