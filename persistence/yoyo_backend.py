"""
Extends yoyo's PostgreSQL backend: a migration and its mark in one transaction, a new password for each connection,
verified TLS, and the server's warnings for the caller.
"""

from __future__ import annotations

import asyncio
import socket
import uuid
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI
from yoyo.migrations import default_migration_table

from persistence.errors import TransientPersistenceError, sort_driver_error
from persistence.pool import CONNECT_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yoyo.migrations import Migration

    from persistence.pool import DatabaseConfig

MIGRATION_TABLE = default_migration_table
NO_TRANSACTION = "25P01"  # the server warns when yoyo rolls back before a migration without a transaction


@contextmanager
def translated_psycopg_errors() -> Iterator[None]:
    """
    Translate psycopg's errors.

    Raises:
        PersistenceError: by SQLSTATE. Transient if there is none, as for a connection that was refused, lost or denied.
    """
    try:
        yield
    except psycopg.Error as error:
        raise sort_driver_error(error) or TransientPersistenceError(str(error)) from error


def connect(config: DatabaseConfig) -> psycopg.Connection[tuple[Any, ...]]:
    """
    Open a connection in autocommit mode. Do not call it in an event loop's thread.

    Raises:
        TransientPersistenceError, MisconfiguredDatabase: as ``translated_psycopg_errors``.
    """
    password = config.password if isinstance(config.password, str) else asyncio.run(_asked(config))
    root_certificate = str(config.ssl_root_certificate or "system")
    with translated_psycopg_errors():
        return psycopg.connect(
            host=config.host,
            port=config.port,
            dbname=config.database,
            user=config.username,
            password=password,
            autocommit=True,
            connect_timeout=int(CONNECT_TIMEOUT_SECONDS),
            target_session_attrs="read-write",
            sslmode="verify-full" if config.ssl else "disable",
            sslrootcert=root_certificate if config.ssl else None,
        )


async def _asked(config: DatabaseConfig) -> str:
    assert not isinstance(config.password, str), "only a callable has to be asked"
    return await config.password()


class AtomicBackend(PostgresqlPsycopgBackend):  # type: ignore[misc]  # yoyo ships no types
    """
    Applies a migration and marks it applied in the same transaction. yoyo uses two, and a crash between them leaves a
    schema from which no runner can continue. Migrations without a transaction must be repeatable instead.

    ``warnings`` collects the server's warnings during migrations.
    """

    def __init__(self, config: DatabaseConfig, warnings: list[str] | None = None) -> None:
        self._config = config
        self.warnings: list[str] = [] if warnings is None else warnings
        # The URI carries no password and is only read for the database's name.
        uri = DatabaseURI("postgresql+psycopg", config.username, None, config.host, config.port, config.database, {})
        super().__init__(uri, MIGRATION_TABLE)

    def connect(self, dburi: DatabaseURI) -> psycopg.Connection[tuple[Any, ...]]:  # noqa: ARG002  # yoyo's signature
        """Open this backend's connection; a copy opens its own."""
        connection = connect(self._config)
        connection.add_notice_handler(self._notice)
        return connection

    def _check_transactional_ddl(self) -> bool:
        """True, as PostgreSQL is. yoyo would find out by an error, which then stands in the server's log."""
        return True

    def copy(self) -> AtomicBackend:
        """A backend with its own connection, and so with a new password."""
        return type(self)(self._config, self.warnings)

    def apply_one(self, migration: Migration, force: bool = False, mark: bool = True) -> None:  # noqa: FBT001, FBT002  # yoyo's signature
        """Apply one migration and mark it."""
        self._run(migration, "apply", force=force, mark=mark)

    def rollback_one(self, migration: Migration, force: bool = False) -> None:  # noqa: FBT001, FBT002  # yoyo's signature
        """Roll one migration back and unmark it."""
        self._run(migration, "rollback", force=force, mark=True)

    def get_log_data(self, migration: Migration | None = None, operation: str = "apply") -> dict[str, Any]:
        """The log entry. yoyo would look up the system user, which a container may not have."""
        return {
            "id": str(uuid.uuid4()),
            "migration_id": migration.id if migration else None,
            "migration_hash": migration.hash if migration else None,
            "username": self._config.username,
            "hostname": socket.gethostname(),
            "created_at_utc": datetime.now(UTC).replace(tzinfo=None),
            "operation": operation,
        }

    def _run(self, migration: Migration, direction: str, *, force: bool, mark: bool) -> None:
        self.ensure_internal_schema_updated()
        migration.load()
        with self.copy() as own:
            with own.transaction() if migration.use_transactions else nullcontext():
                migration.process_steps(own, direction, force=force)
                if migration.use_transactions and mark:
                    own.mark(migration, direction)
            if mark and not migration.use_transactions:
                with own.transaction():
                    own.mark(migration, direction)

    def mark(self, migration: Migration, direction: str) -> None:
        """Record in yoyo's tables that the migration was applied or rolled back, in the caller's transaction."""
        if direction == "apply":
            self.mark_one(migration, log=False)
        else:
            self.unmark_one(migration, log=False)
        self.log_migration(migration, direction)

    def _notice(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.severity_nonlocalized == "WARNING" and diagnostic.sqlstate != NO_TRANSACTION:
            self.warnings.append(diagnostic.message_primary or "")
