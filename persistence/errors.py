"""
The errors of this package, sorted by what the caller does: retry, alert a person, or give up one row.

Driver errors are translated only here, by the SQLSTATE classes of PostgreSQL's appendix A. An unlisted SQLSTATE counts
as a misconfiguration, since waiting for a person loses nothing, while giving up a row might.
"""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from collections.abc import Iterator

TRANSIENT_CLASSES = ("08",)  # connection exceptions
TRANSIENT = frozenset(
    {
        *("25006", "25P02", "25P03", "25P04"),  # read-only after a failover; a transaction that was ended
        "26000",  # a pooler reassigned the connection between two messages
        *("40001", "40P01", "40003"),  # serialisation, deadlock, outcome unknown: the statement may be repeated
        *("53000", "53100", "53200", "53300"),  # out of disk, memory or connections
        *("55006", "55P03"),  # in use, lock not available (RowLockedError)
        *("57014", "57P01", "57P02", "57P03", "57P05"),  # cancelled by a timeout; shutting down, crashed, starting up
        *("58000", "58030", "XX000"),  # the server's own input/output and internal errors
    }
)
PERMANENT_CLASSES = ("22", "23")  # data exceptions, integrity violations
PERMANENT = frozenset({"21000", "54000"})
# After these, pooled connections lead to a demoted or stopping server, so all are reopened. Not after a refused login
# (28000, 28P01): open sessions outlive their password, and new ones would be refused.
EXPIRES_CONNECTIONS = frozenset({"25006", "57P01", "57P02", "57P03", "57P05"})
PLAN_IS_STALE = "cached plan must not change"  # 0A000 after a migration; any other 0A000 is permanent


class PersistenceError(Exception):
    """The database did not do what was asked."""

    def __init__(
        self, message: str | None = None, *, sqlstate: str | None = None, constraint: str | None = None
    ) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())
        self.sqlstate = sqlstate
        self.constraint = constraint


class TransientPersistenceError(PersistenceError):
    """The database cannot do it now. Retry the same statement later."""


class RowLockedError(TransientPersistenceError):
    """Another transaction holds a lock on a row for longer than the writer's ``lock_timeout``."""


class MisconfiguredDatabase(PersistenceError):  # noqa: N818 - the name says what happened
    """The database is not set up correctly: alert a person, and retry slowly. No row is at fault."""


class UnknownMigration(PersistenceError):  # noqa: N818 - the name says what happened
    """There is no such migration."""


class PermanentPersistenceError(PersistenceError):
    """PostgreSQL will never accept the statement: at least one of its rows must be given up."""


class InvalidSelection(PersistenceError):  # noqa: N818 - the name says what happened
    """The selection is invalid."""


class MassRefusal(PersistenceError):  # noqa: N818 - the name says what happened
    """So many rows are refused that the database or a deployment is at fault, not the rows. Stop and alert."""

    def __init__(self, message: str, *, refused: int, rows: int, cause: PermanentPersistenceError) -> None:
        super().__init__(message, sqlstate=cause.sqlstate, constraint=cause.constraint)
        self.refused = refused
        self.rows = rows


def sort_driver_error(error: BaseException) -> PersistenceError | None:
    """
    Translate an error of asyncpg or psycopg.

    Returns:
        The error to raise from it, with the same message. None for other exceptions, such as bugs.
    """
    kind = _kind(error)
    if kind is None:
        return None
    return kind(
        str(error) or type(error).__name__,
        sqlstate=getattr(error, "sqlstate", None),
        constraint=getattr(error, "constraint_name", None),
    )


@contextmanager
def translated_errors() -> Iterator[None]:
    """
    Translate driver errors of the enclosed statements.

    Raises:
        TransientPersistenceError, MisconfiguredDatabase, PermanentPersistenceError: see ``sort_driver_error``.
    """
    try:
        yield
    except PersistenceError:
        raise
    except Exception as error:
        translated = sort_driver_error(error)
        if translated is None:
            raise
        raise translated from error


def _kind(error: BaseException) -> type[PersistenceError] | None:
    sqlstate = getattr(error, "sqlstate", None)
    if isinstance(sqlstate, str):
        return _kind_of_sqlstate(sqlstate, str(error))
    # Order matters: a refused certificate is an OSError and a ValueError, asyncpg's configuration error is an
    # InterfaceError and a ValueError.
    if isinstance(error, ssl.SSLCertVerificationError | asyncpg.ClientConfigurationError):
        return MisconfiguredDatabase
    if isinstance(error, asyncpg.UnsupportedClientFeatureError):
        return PermanentPersistenceError
    if isinstance(error, TimeoutError | OSError | asyncpg.InterfaceError | asyncpg.InternalClientError):
        return TransientPersistenceError
    if isinstance(error, TypeError | ValueError | OverflowError):  # a value that could not be encoded
        return PermanentPersistenceError
    return None


def _kind_of_sqlstate(sqlstate: str, message: str) -> type[PersistenceError]:
    if sqlstate == "55P03":
        return RowLockedError
    if sqlstate in TRANSIENT or sqlstate.startswith(TRANSIENT_CLASSES):
        return TransientPersistenceError
    if sqlstate == "0A000" and PLAN_IS_STALE in message:
        return TransientPersistenceError
    if sqlstate in PERMANENT or sqlstate.startswith(PERMANENT_CLASSES):
        return PermanentPersistenceError
    return MisconfiguredDatabase
