"""Checks PostgreSQL: connection, TLS, schema, and the grants that the sink needs."""

import ssl
from ipaddress import ip_address
from typing import Final

from persistence.errors import PersistenceError, translated_errors
from persistence.pool import ACQUIRE_TIMEOUT_SECONDS, Pool, open_pool
from persistence.schema import READER_GRANTS, missing_grants, missing_time_outs, schema_version
from streams.check.finding import Finding, clock
from streams.runtime.database_config import database_config, reader_config
from streams.runtime.error_text import error_text
from streams.runtime.remedies import REMEDY_BY_SQLSTATE
from streams.runtime.settings import DatabaseSettings

ABOUT: Final = """
SELECT clock_timestamp() AS now, current_setting('server_version') AS version,
       (SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS tls
"""


async def database(settings: DatabaseSettings) -> list[Finding]:
    """Check the writer: connection, clock, schema, and the grants and time-outs of the user."""
    try:
        async with await open_pool(database_config(settings)) as pool:
            return [*await _connection(pool, settings), *await _schema(pool, settings.database_username)]
    except PersistenceError as error:
        return [Finding("sink", "database", error_text(error), _remedy(error, "DATABASE_HOST"))]


async def reader(settings: DatabaseSettings) -> list[Finding]:
    """Check DATABASE_READER_HOST if it is set: connection and the user's grants."""
    if settings.database_reader_host is None:
        return []
    try:
        async with await open_pool(reader_config(settings), read_only=True) as pool:
            missing = await missing_grants(pool, READER_GRANTS)
    except PersistenceError as error:
        return [Finding("sink", "reader", error_text(error), _remedy(error, "DATABASE_READER_HOST"))]
    if missing:
        found = f"{settings.database_username} lacks {', '.join(missing)} there"
        remedy = "is DATABASE_READER_HOST of the same cluster? Else: petstream migrate up, then make the user a member"
        return [Finding("sink", "reader", found, f"{remedy} of petstream_writer or petstream_reader")]
    return [Finding("sink", "reader", f"{settings.database_reader_host} can be read")]


async def _connection(pool: Pool, settings: DatabaseSettings) -> list[Finding]:
    with translated_errors():
        async with pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as connection:
            about = await connection.fetchrow(ABOUT)
    assert about is not None, "it gives one row"
    found = f"PostgreSQL {about['version']}, {about['tls'] or 'not encrypted: DATABASE_SSL=false'}"
    findings = [Finding("sink", "database", found), *clock("sink", "the database", about["now"])]
    if about["tls"] is None and not _is_here(settings.database_host):
        remedy = "set DATABASE_SSL=true: the password and the rows cross the network as plain text"
        findings.append(Finding("sink", "encryption", "the connection is not encrypted", remedy, is_warning=True))
    return findings


def _is_here(host: str) -> bool:
    """Whether the host is this machine: a loopback address, or the folder of a socket."""
    if host == "localhost" or host.startswith("/"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


async def _schema(pool: Pool, username: str) -> list[Finding]:
    version = await schema_version(pool)
    if not version.is_current:
        found = f"lacks {', '.join(version.missing)}"
        return [Finding("sink", "schema", found, "run as the migrator: petstream migrate up")]
    if missing := await missing_grants(pool):
        found = f"{username} lacks {', '.join(missing)}"
        return [Finding("sink", "grants", found, "make the user a member of the role petstream_writer")]
    findings = [Finding("sink", "schema", f"{len(version.applied)} migrations applied, grants suffice")]
    if endless := await missing_time_outs(pool):
        found = "are missing: after a client's time-out the server goes on with its statement"
        remedy = f"an administrator runs: {'; '.join(endless)}"
        findings.append(Finding("sink", "time-outs", found, remedy, is_warning=True))
    return findings


def _remedy(error: PersistenceError, host: str) -> str:
    if error.sqlstate in REMEDY_BY_SQLSTATE:
        return REMEDY_BY_SQLSTATE[error.sqlstate]
    if isinstance(error.__cause__, ssl.SSLCertVerificationError):
        return f"look at DATABASE_SSL_ROOT_CERTIFICATE, and whether {host} is the name in the certificate"
    if "SSL" in str(error):
        return f"look at DATABASE_SSL: the server at {host} offers no TLS, or not as it should"
    return f"look at {host}, DATABASE_PORT and the network; also at DATABASE_NAME, DATABASE_USERNAME and its password"
