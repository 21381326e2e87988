"""Checks whether the database is ready for this code: missing migrations, permissions and timeouts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from persistence.errors import translated_errors
from persistence.manifest import migration_ids, migrations_folder
from persistence.pool import ACQUIRE_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from persistence.pool import Pool

MIGRATIONS_KNOWN = "SELECT to_regclass('_yoyo_migration') IS NOT NULL"
MIGRATIONS_APPLIED = "SELECT migration_id FROM _yoyo_migration ORDER BY migration_id"

# A relation that does not exist counts as missing, and does not fail the statement.
GRANTS_MISSING = """
SELECT privilege || ' on ' || relation
  FROM unnest($1::text[], $2::text[]) AS wanted(privilege, relation)
 WHERE to_regclass(relation) IS NULL OR NOT has_table_privilege(to_regclass(relation), privilege)
"""
# 0 means no timeout. Settings belong to the role that logs in; members do not inherit them.
WRITER_TIME_OUTS = {"statement_timeout": "10s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "30s"}
"""As the migration 0007 sets them on petstream_writer."""
TIME_OUTS_MISSING = """
SELECT format('ALTER ROLE %I SET %I = %L', session_user, name, wanted)
  FROM unnest($1::text[], $2::text[]) AS time_out(name, wanted)
 WHERE (SELECT setting FROM pg_settings WHERE pg_settings.name = time_out.name) = '0'
 ORDER BY name
"""
READER_GRANTS = tuple(
    ("SELECT", relation)
    for relation in (
        *("classification_records", "image_rejections"),
        *("image_outcomes", "current_classifications", "current_rejections"),
    )
)
WRITER_GRANTS = (
    *READER_GRANTS,
    *((action, table) for action in ("INSERT", "UPDATE") for table in ("classification_records", "image_rejections")),
)


@dataclass(frozen=True, slots=True)
class SchemaVersion:
    """
    Migrations by id. ``missing``: this code needs them. ``unknown``: applied by newer code, which is fine during a
    deployment, since older code works with newer migrations.
    """

    applied: tuple[str, ...]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def is_current(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing


async def schema_version(pool: Pool) -> SchemaVersion:
    """Compare the database with the migrations of this code. Raises the errors of ``translated_errors``."""
    known = migration_ids(migrations_folder())
    with translated_errors():
        async with pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as connection:
            rows = await connection.fetch(MIGRATIONS_APPLIED) if await connection.fetchval(MIGRATIONS_KNOWN) else []
    applied = tuple(str(row["migration_id"]) for row in rows)
    return SchemaVersion(
        applied=applied,
        missing=tuple(id_ for id_ in known if id_ not in applied),
        unknown=tuple(id_ for id_ in applied if id_ not in known),
    )


async def missing_grants(pool: Pool, wanted: tuple[tuple[str, str], ...] = WRITER_GRANTS) -> tuple[str, ...]:
    """The permissions that the pool's user lacks, as "INSERT on image_rejections"."""
    privileges, relations = zip(*wanted, strict=True)
    with translated_errors():
        async with pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as connection:
            return tuple(row[0] for row in await connection.fetch(GRANTS_MISSING, privileges, relations))


async def missing_time_outs(pool: Pool) -> tuple[str, ...]:
    """The timeouts that the pool's user lacks, as statements for an administrator: ALTER ROLE ann SET ...."""
    wanted = list(WRITER_TIME_OUTS), list(WRITER_TIME_OUTS.values())
    with translated_errors():
        async with pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as connection:
            return tuple(row[0] for row in await connection.fetch(TIME_OUTS_MISSING, *wanted))
