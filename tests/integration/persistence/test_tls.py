"""Certificates are verified, host names too, for the pool and for the migrations."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.local.errors import PartUnavailable
from deploy.local.postgres import Postgres
from persistence.errors import MisconfiguredDatabase, PersistenceError
from persistence.migrate import up
from persistence.pool import DatabaseConfig, open_pool
from persistence.records import ClassificationRecord
from persistence.store import Store, Upserted
from tests.absent import cannot_run


@pytest.fixture(scope="module")
def encrypted() -> Iterator[DatabaseConfig]:
    folder = Path(tempfile.mkdtemp(prefix="petstream-postgres-"))
    try:
        server = Postgres(folder, version="15", tls=True)  # the wheel's servers have no TLS
        server.start()
    except PartUnavailable as unavailable:
        shutil.rmtree(folder)
        cannot_run(str(unavailable))
    try:
        server.create_database("encrypted")
        yield DatabaseConfig(
            server.host,
            server.port,
            "encrypted",
            server.superuser,
            server.password,
            ssl_root_certificate=server.ca_certificate,
        )
    finally:
        server.stop("immediate")
        shutil.rmtree(folder)


async def test_a_verified_server_is_migrated_and_written_to_in_cipher(
    encrypted: DatabaseConfig, classification: Callable[..., ClassificationRecord]
) -> None:
    await asyncio.to_thread(up, encrypted)
    async with await open_pool(encrypted) as pool:
        assert await Store(pool).upsert([classification()]) == Upserted(inserted=1)
        assert await pool.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")


async def test_a_server_whose_authority_is_not_trusted_is_a_misconfiguration(
    encrypted: DatabaseConfig, classification: Callable[..., ClassificationRecord]
) -> None:
    stranger = replace(encrypted, ssl_root_certificate=None)
    async with await open_pool(stranger) as pool:
        with pytest.raises(MisconfiguredDatabase, match="certificate verify failed"):
            await Store(pool).upsert([classification()])
    with pytest.raises(PersistenceError, match="certificate verify failed"):
        await asyncio.to_thread(up, stranger)


async def test_a_certificate_for_another_name_is_a_misconfiguration(
    encrypted: DatabaseConfig, classification: Callable[..., ClassificationRecord]
) -> None:
    elsewhere = replace(encrypted, host="127.0.0.2")
    async with await open_pool(elsewhere) as pool:
        with pytest.raises(PersistenceError) as error:
            await Store(pool).upsert([classification()])
    # Where nothing listens on that address the connection is refused; where it is answered the name is.
    assert isinstance(error.value.__cause__, OSError)
