"""
Applies and rolls back schema migrations, one runner at a time. Released files are never edited.

For people and deployments; the pipeline does not call it. The functions block: call them with ``asyncio.to_thread``
from an event loop. Connect to the cluster itself, not through RDS Proxy.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yoyo
from psycopg import sql

from persistence.errors import MisconfiguredDatabase, PersistenceError, UnknownMigration
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

NOTHING = "0000"  # rolling back to this removes all of petstream's tables


class MigrationFailed(PersistenceError):  # noqa: N818 - the name says what happened
    """A migration failed and was rolled back. Earlier ones stay applied."""

    def __init__(self, migration_id: str, cause: PersistenceError) -> None:
        super().__init__(f"{migration_id}: {cause}", sqlstate=cause.sqlstate, constraint=cause.constraint)
        self.migration_id = migration_id


@dataclass(frozen=True, slots=True)
class Migration:
    """
    A migration in this code, in the database, or in both.

    ``applied`` is the time in UTC, or None. ``checksum_ok`` is False for an edited file, and for a migration that only
    the database has. ``description`` is the file's first comment.
    """

    id: str
    applied: datetime | None
    checksum_ok: bool
    description: str


@dataclass(frozen=True, slots=True)
class Migrated:
    """The migrations of a run, in order, and the server's warnings, which an administrator should act on."""

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
    Apply the missing migrations, up to and including ``to`` (an id or its number), or all.

    Raises:
        ManifestMismatch: a released file was changed; nothing is applied.
        MigrationsLocked: another runner did not finish in time.
        MigrationFailed: a migration failed; earlier ones stay applied.
        MisconfiguredDatabase: the user may not create tables.
        UnknownMigration: ``to`` names no migration.
        TransientPersistenceError: the database cannot be reached.
    """
    folder = folder or migrations_folder()
    verify_manifest(folder)
    last = resolve(to, folder) if to else None
    with locked(config, lock_timeout_seconds) as backend:
        chosen = backend.to_apply(_read(folder).filter(lambda m: last is None or m.id <= last))
        for migration in chosen:
            with _failure_of(migration.id):
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
    Roll back all migrations after ``to`` (an id or its number; ``NOTHING`` for all).

    This destroys data. Show ``plan_down`` to a person first and have it confirmed. No automation calls this.

    Raises:
        ManifestMismatch, MigrationsLocked, MigrationFailed, TransientPersistenceError, UnknownMigration: as ``up``.
        MisconfiguredDatabase: as ``up``; also if the database has migrations that this code does not know.
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
            with _failure_of(migration.id):
                backend.rollback_one(migration)
        return Migrated(tuple(m.id for m in chosen), tuple(backend.warnings))


def status(config: DatabaseConfig, *, folder: Path | None = None) -> list[Migration]:
    """
    All migrations of this code and of the database, in order. Writes nothing, not even the runner's tables.

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
    The migration id for ``to``: an id, a number, or ``NOTHING``.

    Raises:
        UnknownMigration: there is none; the message names the last.
    """
    ids = migration_ids(folder)
    if to == NOTHING or to in ids:
        return to
    for id_ in ids:
        if id_.split(".")[0] == to:
            return id_
    raise UnknownMigration(f"There is no migration {to!r}; the last is {ids[-1] if ids else 'none'}.")


def _read(folder: Path) -> MigrationList:
    # yoyo reads Python files as migrations, too, such as the package's __init__.py.
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
def _failure_of(migration_id: str) -> Iterator[None]:
    try:
        with translated_psycopg_errors():
            yield
    except PersistenceError as error:
        raise MigrationFailed(migration_id, error) from error
