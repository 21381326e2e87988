"""
The connection pool to Aurora. Each setting that differs from asyncpg's default has its reason.

The migrations set timeouts of statements and locks on the database roles. They are not set here, since a SET, also
through ``server_settings``, would pin the connection behind RDS Proxy.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from persistence.errors import MisconfiguredDatabase

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from typing import Any

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"  # a string: only the stubs' class takes a parameter

CONNECT_TIMEOUT_SECONDS = 5.0
ACQUIRE_TIMEOUT_SECONDS = 5.0
COMMAND_TIMEOUT_SECONDS = 15.0
MAX_IDLE_SECONDS = 60.0
MAX_CONNECTIONS = 2  # concurrency comes from partitions; the second connection lets a read pass a write


@dataclass(frozen=True, slots=True)
class DatabaseConfig:
    """
    Address and credentials of the database.

    ``password`` may be an async callable, which is called for each new connection, since an IAM token is valid for 15
    minutes. ``ssl`` verifies certificate and host name, against ``ssl_root_certificate`` (a PEM file), or against the
    system's authorities if that is None.
    """

    host: str
    port: int
    database: str
    username: str
    password: str | Callable[[], Awaitable[str]] = field(repr=False)
    ssl: bool = True
    ssl_root_certificate: Path | None = None


async def open_pool(config: DatabaseConfig, *, read_only: bool = False, max_connections: int = MAX_CONNECTIONS) -> Pool:
    """
    Create a pool without connecting, so that a process can start while the database is down.

    The caller closes it, and passes ``timeout=ACQUIRE_TIMEOUT_SECONDS`` to ``acquire``.

    Args:
        config: Address and credentials.
        read_only: Also accept a reader. Otherwise a server that cannot write is refused with a transient error.
        max_connections: Upper bound; connections are opened on demand.

    Raises:
        MisconfiguredDatabase: the root certificate cannot be used.
    """
    tls = _tls(config) if config.ssl else False
    return await asyncpg.create_pool(
        host=config.host,
        port=config.port,
        database=config.database,
        user=config.username,
        password=config.password,
        ssl=tls,
        min_size=0,  # connects at the first use
        max_size=max_connections,
        timeout=CONNECT_TIMEOUT_SECONDS,
        command_timeout=COMMAND_TIMEOUT_SECONDS,  # asyncpg sets no keep-alive: only this ends a wait on a dead link
        max_inactive_connection_lifetime=MAX_IDLE_SECONDS,
        # read-write refuses a demoted writer that stale DNS still resolves to
        target_session_attrs=SessionAttribute.any if read_only else SessionAttribute.read_write,
        statement_cache_size=0,  # prepared statements do not survive a pooler that shares connections
        reset=_no_reset,
    )


def _tls(config: DatabaseConfig) -> ssl.SSLContext:
    # The default context verifies chain and host name; asyncpg's ssl="require" would verify nothing.
    try:
        return ssl.create_default_context(cafile=config.ssl_root_certificate)
    except OSError as error:  # missing, unreadable or not PEM: waiting does not help
        why = (
            "it is no PEM file" if isinstance(error, ssl.SSLError) else (error.strerror or "it cannot be read").lower()
        )
        raise MisconfiguredDatabase(f"root certificate {config.ssl_root_certificate}: {why}") from error


async def _no_reset(_connection: asyncpg.Connection[Any]) -> None:
    """
    Reset nothing between uses: asyncpg's reset query pins each connection of RDS Proxy, and we set nothing.

    asyncpg rolls back an open transaction before it calls this.
    """
