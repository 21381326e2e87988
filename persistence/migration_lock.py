"""One migration run at a time: a row in the runner's own lock table, which outlives a runner that was killed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from yoyo.exceptions import LockTimeout

from persistence.errors import MisconfiguredDatabase, PersistenceError
from persistence.yoyo_backend import AtomicBackend, connect, translated_psycopg_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from persistence.pool import DatabaseConfig

LOCK_TIMEOUT_SECONDS = 300.0  # as long as another deployment may reasonably take


class MigrationsLocked(PersistenceError):  # noqa: N818 - the name says what happened
    """Another runner holds the lock, or was killed while it held it."""


@contextmanager
def locked(config: DatabaseConfig, timeout_seconds: float) -> Iterator[AtomicBackend]:
    """
    Hold the lock, and a backend to migrate with.

    Raises:
        MigrationsLocked: somebody else held it all the time.
        MisconfiguredDatabase: the user may not create tables, so that there is no lock to take.
        TransientPersistenceError: the database cannot be reached.
    """
    with translated_psycopg_errors(), AtomicBackend(config) as backend:
        # Without this right yoyo's lock table cannot be made, and its time-out would be blamed on another runner.
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
    """Remove the lock that a killed runner left. Only when no runner is alive: two at once spoil each other's work."""
    with translated_psycopg_errors(), connect(config) as connection:
        if connection.execute("SELECT to_regclass('yoyo_lock')").fetchone() != (None,):
            connection.execute("DELETE FROM yoyo_lock")
