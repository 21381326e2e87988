"""Allows one migration run at a time, by a row in yoyo's lock table. A killed runner leaves the row behind."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from yoyo.exceptions import LockTimeout

from persistence.errors import MisconfiguredDatabase, PersistenceError
from persistence.yoyo_backend import AtomicBackend, connect, translated_psycopg_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from persistence.pool import DatabaseConfig

LOCK_TIMEOUT_SECONDS = 300.0  # longer than a normal run of another deployment


class MigrationsLocked(PersistenceError):  # noqa: N818 - the name says what happened
    """Another runner holds the lock, or was killed while it held it."""


@contextmanager
def locked(config: DatabaseConfig, timeout_seconds: float) -> Iterator[AtomicBackend]:
    """
    Hold the lock, and provide a backend for migrations.

    Raises:
        MigrationsLocked: another runner held it until the timeout.
        MisconfiguredDatabase: the user may not create tables, including the lock table.
        TransientPersistenceError: the database cannot be reached.
    """
    with translated_psycopg_errors(), AtomicBackend(config) as backend:
        # Without this right yoyo cannot create its lock table, and would report a timeout of the lock.
        schema, may_create = backend.execute(
            "SELECT current_schema(), has_schema_privilege(current_schema(), 'CREATE')"
        ).fetchone()
        if not may_create:
            raise MisconfiguredDatabase(
                f"user {config.username} may not create tables in schema {schema}", sqlstate="42501"
            )
        backend.init_database()
        try:
            with backend.lock(timeout=timeout_seconds):
                yield backend
        except LockTimeout as error:
            raise MigrationsLocked(
                f"{error.args[0].split(' (')[0]} and did not finish within {timeout_seconds:g} s. "
                "If no runner is alive, it was killed: break the lock (petstream migrate break-lock) and run again"
            ) from error


def break_lock(config: DatabaseConfig) -> None:
    """Remove the lock of a killed runner. Only if no runner is alive, since two at a time would conflict."""
    with translated_psycopg_errors(), connect(config) as connection:
        if connection.execute("SELECT to_regclass('yoyo_lock')").fetchone() != (None,):
            connection.execute("DELETE FROM yoyo_lock")
