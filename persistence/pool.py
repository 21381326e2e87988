"""
Connections to Aurora. Every setting that differs from asyncpg's default has its reason beside it.

Timeouts of statements and locks are set on the database role by the migrations, never here: a SET, also by
``server_settings``, would pin the connection behind RDS Proxy.
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
    Where the database is and as whom to enter it.

    ``password`` may be an async callable: it is asked at each physical connection, since an IAM token lives 15 minutes.
    ``ssl`` verifies the certificate and the host name, against ``ssl_root_certificate`` (a PEM file) or, where that is
    None, the authorities that the system trusts.
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
    Make a pool without connecting, so that a process starts while the database is down.

    The caller closes it. Its ``acquire`` is given ``timeout=ACQUIRE_TIMEOUT_SECONDS``.

    Args:
        config: Where and as whom.
        read_only: Accept a reader as well. Otherwise a server that cannot write is refused, as a transient error.
        max_connections: Upper bound; connections are made when needed.

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
        # read-write refuses the demoted writer that a stale name still leads to
        target_session_attrs=SessionAttribute.any if read_only else SessionAttribute.read_write,
        statement_cache_size=0,  # prepared statements do not survive a pooler that shares connections
        reset=_leave_as_it_is,
    )


def _tls(config: DatabaseConfig) -> ssl.SSLContext:
    # The default context verifies chain and host name; asyncpg's ssl="require" would verify nothing.
    try:
        return ssl.create_default_context(cafile=config.ssl_root_certificate)
    except OSError as error:  # missing, unreadable or not PEM: no waiting mends that
        raise MisconfiguredDatabase(f"root certificate {config.ssl_root_certificate}: {error}") from error


async def _leave_as_it_is(_connection: asyncpg.Connection[Any]) -> None:
    """
    Between uses nothing is reset: the default reset query pins every connection of RDS Proxy, and we set nothing.

    asyncpg rolls an open transaction back before it calls this.
    """
