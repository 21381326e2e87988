"""
Changes the schema: versioned migrations, each with its rollback, one runner at a time, released files never edited.

Called by people and by deployments, never by the pipeline itself. The functions block; from an event loop call them
with ``asyncio.to_thread``. Connect to the cluster itself, not through RDS Proxy.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yoyo
from psycopg import sql

from persistence.errors import MisconfiguredDatabase, PersistenceError
from persistence.manifest import digest, migration_ids, migrations_folder, read_manifest, verify_manifest
from persistence.migration_lock import LOCK_TIMEOUT_SECONDS, MigrationsLocked, break_lock, locked
from persistence.yoyo_backend import MIGRATION_TABLE, connect, translated_psycopg_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from yoyo.migrations import MigrationList

    from persistence.pool import DatabaseConfig

__all__ = [
    "NOTHING",
    "Migrated",
    "Migration",
    "MigrationFailed",
    "MigrationsLocked",
    "break_lock",
    "down",
    "resolve",
    "status",
    "up",
    "verify_manifest",
]

NOTHING = "0000"  # rolling back to this leaves no table of ours


class MigrationFailed(PersistenceError):  # noqa: N818 - the name says what happened
    """A migration failed and was undone; those before it stand."""

    def __init__(self, migration_id: str, cause: PersistenceError) -> None:
        super().__init__(f"{migration_id}: {cause}", sqlstate=cause.sqlstate, constraint=cause.constraint)
        self.migration_id = migration_id


@dataclass(frozen=True, slots=True)
class Migration:
    """
    One migration, in this code or in the database or in both.

    ``applied`` is when, in UTC, or None. ``checksum_ok`` is False for an edited file and for a migration that the
    database knows and this code does not. ``description`` is the file's opening comment.
    """

    id: str
    applied: datetime | None
    checksum_ok: bool
    description: str


@dataclass(frozen=True, slots=True)
class Migrated:
    """What a run changed, in order, and what the server warned of: things that an administrator has to do."""

    ids: tuple[str, ...]
    warnings: tuple[str, ...]


def up(
    config: DatabaseConfig,
    to: str | None = None,
    *,
    folder: Path | None = None,
    lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS,
) -> Migrated:
    """
    Apply what is missing, up to and including ``to`` (an id or its number), or everything.

    Raises:
        ManifestMismatch: a released file was changed; nothing was applied.
        MigrationsLocked: another runner did not finish in time.
        MigrationFailed: says which; earlier ones stand.
        MisconfiguredDatabase: the user may not create tables, or ``to`` names no migration.
        TransientPersistenceError: the database cannot be reached.
    """
    folder = folder or migrations_folder()
    verify_manifest(folder)
    last = resolve(to, folder) if to else None
    with locked(config, lock_timeout_seconds) as backend:
        chosen = backend.to_apply(_read(folder).filter(lambda m: last is None or m.id <= last))
        for migration in chosen:
            with _blamed_on(migration.id):
                backend.apply_one(migration)
        return Migrated(tuple(m.id for m in chosen), tuple(backend.warnings))


def down(
    config: DatabaseConfig,
    to: str,
    *,
    folder: Path | None = None,
    lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS,
) -> Migrated:
    """
    Roll back everything that came after ``to`` (an id or its number; ``NOTHING`` for all of it).

    This destroys data. Show a person ``plan_down`` first and have it confirmed; no automation calls this.

    Raises:
        ManifestMismatch, MigrationsLocked, MigrationFailed, TransientPersistenceError: as ``up``.
        MisconfiguredDatabase: also when the database holds migrations that this code does not know.
    """
    folder = folder or migrations_folder()
    verify_manifest(folder)
    last = resolve(to, folder)
    with locked(config, lock_timeout_seconds) as backend:
        migrations = _read(folder)
        known = {migration.hash for migration in migrations}
        if unknown := set(backend.get_applied_migration_hashes()) - known:
            raise MisconfiguredDatabase(
                f"{len(unknown)} migrations were applied by newer code: roll back with that code"
            )
        chosen = backend.to_rollback(migrations.filter(lambda m: m.id > last))
        for migration in chosen:
            with _blamed_on(migration.id):
                backend.rollback_one(migration)
        return Migrated(tuple(m.id for m in chosen), tuple(backend.warnings))


def status(config: DatabaseConfig, *, folder: Path | None = None) -> list[Migration]:
    """
    Every migration that this code or the database knows, in order. Writes nothing, not even the runner's own tables.

    Raises:
        TransientPersistenceError, MisconfiguredDatabase: the database cannot be read.
    """
    folder = folder or migrations_folder()
    applied = _applied(config)
    listed = read_manifest(folder)
    descriptions = {migration.id: _description(migration) for migration in _read(folder)}
    return [
        Migration(
            id=id_,
            applied=applied.get(id_),
            checksum_ok=id_ in descriptions and listed.get(f"{id_}.sql") == digest(folder / f"{id_}.sql"),
            description=descriptions.get(id_, "not known to this code"),
        )
        for id_ in sorted(applied.keys() | descriptions.keys())
    ]


def resolve(to: str, folder: Path) -> str:
    """
    The id that ``to`` means: an id, its number, or ``NOTHING``.

    Raises:
        MisconfiguredDatabase: no such migration.
    """
    ids = migration_ids(folder)
    if to == NOTHING or to in ids:
        return to
    for id_ in ids:
        if id_.split(".")[0] == to:
            return id_
    raise MisconfiguredDatabase(f"there is no migration {to!r}; the last is {ids[-1] if ids else 'none'}")


def _read(folder: Path) -> MigrationList:
    # yoyo also takes Python files for migrations: the package's __init__.py is none.
    return yoyo.read_migrations(str(folder)).filter(lambda m: m.is_raw_sql())


def _description(migration: yoyo.migrations.Migration) -> str:
    migration.load()
    return " ".join((migration.module.__doc__ or "").split())


def _applied(config: DatabaseConfig) -> dict[str, datetime]:
    with connect(config) as connection, translated_psycopg_errors():
        if connection.execute("SELECT to_regclass(%s)", (MIGRATION_TABLE,)).fetchone() == (None,):
            return {}
        statement = sql.SQL("SELECT migration_id, applied_at_utc AT TIME ZONE 'UTC' FROM {}")
        return dict(connection.execute(statement.format(sql.Identifier(MIGRATION_TABLE))).fetchall())


@contextmanager
def _blamed_on(migration_id: str) -> Iterator[None]:
    try:
        with translated_psycopg_errors():
            yield
    except PersistenceError as error:
        raise MigrationFailed(migration_id, error) from error
