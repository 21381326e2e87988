"""
PostgreSQL of our own: the wheel's in every run, the older one of the system among the slow tests.

One server of each version serves all tests, which restart and kill it; it keeps its data, and each test has a database
of its own.
"""

import asyncio
import ssl
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from deploy.local.databases import database_exists
from deploy.local.errors import LocalPartError, PartUnavailable
from deploy.local.postgres import Postgres
from deploy.local.postgres_binaries import find_postgres

LONG = "SELECT count(*) FROM generate_series(1, 6000000)"


@contextmanager
def reachable_folder() -> Iterator[Path]:
    # Not pytest's own folder: that one is private to its user, and a server started by root runs as another.
    with tempfile.TemporaryDirectory(prefix="petstream-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "postgres"


@pytest.fixture
def directory() -> Iterator[Path]:
    with reachable_folder() as folder:
        yield folder


def of_version(directory: Path, version: str, *, tls: bool = False) -> Postgres:
    try:
        return Postgres(directory, version=version, tls=tls)
    except PartUnavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module", params=[pytest.param("15", marks=pytest.mark.slow), "18"])
def server(request: pytest.FixtureRequest) -> Iterator[Postgres]:
    with reachable_folder() as folder:
        ours = of_version(folder, request.param)
        try:
            yield ours
        finally:
            ours.kill()


@pytest.fixture
def postgres(server: Postgres) -> Postgres:
    server.start()  # the test before may have stopped it
    return server


@pytest.fixture
def database(postgres: Postgres) -> str:
    """The address of a database of the test's own."""
    name = f"test_{uuid.uuid4().hex[:8]}"
    postgres.create_database(name)
    return postgres.dsn(name)


async def query(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn, timeout=60)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_it_serves_over_tcp_in_utf8_and_utc(postgres: Postgres) -> None:
    assert await query(postgres.dsn("postgres"), "SELECT 41 + 1") == 42
    assert await query(postgres.dsn("postgres"), "SHOW server_encoding") == "UTF8"
    assert await query(postgres.dsn("postgres"), "SHOW timezone") == "UTC"


async def test_a_wrong_password_is_refused(postgres: Postgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await query(postgres.dsn("postgres", password="guess"), "SELECT 1")


async def test_a_database_is_a_copy_of_its_template_and_goes_when_dropped(postgres: Postgres) -> None:
    postgres.create_database("template_of_mine")
    await query(postgres.dsn("template_of_mine"), "CREATE TABLE pets AS SELECT 'cat' AS kind")
    postgres.create_database("copy", template="template_of_mine")
    assert await query(postgres.dsn("copy"), "SELECT kind FROM pets") == "cat"
    postgres.drop_database("copy")
    assert not database_exists(postgres.dsn("postgres"), "copy")


async def test_committed_rows_survive_a_restart_and_kill_9_at_the_same_address(
    postgres: Postgres, database: str
) -> None:
    await query(database, "CREATE TABLE pets (kind text)")
    postgres.restart()
    await query(database, "INSERT INTO pets VALUES ('cat')")
    postgres.kill()
    postgres.start()
    assert await query(database, "SELECT string_agg(kind, ',') FROM pets") == "cat"


async def test_rows_committed_a_moment_before_kill_9_are_there_while_clients_are_connected(
    postgres: Postgres, database: str
) -> None:
    connection = await asyncpg.connect(database, timeout=60)
    await connection.execute("CREATE TABLE pets (number int)")
    for number in range(200):
        await connection.execute("INSERT INTO pets VALUES ($1)", number)
    postgres.kill()  # with a session open, whose process must end before the server can start again
    postgres.start()
    connection.terminate()
    assert await query(database, "SELECT count(*) FROM pets") == 200


async def test_it_starts_again_after_kill_9_even_while_an_orphan_is_busy(postgres: Postgres) -> None:
    others = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
    connection = await asyncpg.connect(postgres.dsn("postgres"), timeout=60)
    # A session that computes does not look whether its server still lives, and the memory that it holds is in the way.
    busy = asyncio.create_task(connection.fetchval(LONG))
    try:
        async with asyncio.timeout(60):
            while not await query(postgres.dsn("postgres"), others):
                if busy.done():  # before we looked: once more
                    busy = asyncio.create_task(connection.fetchval(LONG))
                await asyncio.sleep(0.01)
        postgres.kill()
        postgres.start()
        assert await query(postgres.dsn("postgres"), "SELECT 1") == 1
    finally:
        connection.terminate()
        await asyncio.gather(busy, return_exceptions=True)


async def test_stopping_does_not_wait_for_sessions(postgres: Postgres) -> None:
    connection = await asyncpg.connect(postgres.dsn("postgres"), timeout=60)
    postgres.stop()
    assert postgres.processes[0].poll() == 0
    connection.terminate()


def test_a_second_run_takes_up_the_directory_of_the_first(postgres: Postgres) -> None:
    postgres.create_database("pets")
    postgres.stop()
    later = Postgres(postgres._directory, version=find_major(postgres))
    later.start()
    try:
        assert database_exists(later.dsn("postgres"), "pets")
    finally:
        later.kill()


def find_major(postgres: Postgres) -> str:
    return postgres.kind.removeprefix("PostgreSQL ").partition(".")[0]


def test_a_version_that_is_not_here_is_named_with_those_that_are(directory: Path) -> None:
    with pytest.raises(PartUnavailable, match=r"PostgreSQL 9 is not installed \(found: .*PostgreSQL"):
        Postgres(directory, version="9")


async def test_tls_can_be_verified_against_its_authority(directory: Path) -> None:
    server = of_version(directory, "15", tls=True)
    try:
        server.start()
        context = ssl.create_default_context(cafile=str(server.ca_certificate))
        connection = await asyncpg.connect(server.dsn("postgres"), ssl=context, timeout=60)
        assert await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        await connection.close()
    finally:
        server.kill()


def test_the_wheel_says_that_it_has_no_tls(directory: Path) -> None:
    server = of_version(directory, "18", tls=True)
    if "wheel" not in server.kind:
        pytest.skip("this PostgreSQL 18 is the system's, which has TLS")
    with pytest.raises(LocalPartError, match="SSL"):
        server.start()


async def test_a_wheel_in_a_private_folder_is_copied_for_the_server_to_run(directory: Path) -> None:
    binaries = find_postgres("auto")
    if binaries.libraries is None:
        pytest.skip("only the wheel is copied")
    copy = binaries.copied_to(directory / "programs")
    server = Postgres(directory / "server")
    server._binaries = copy
    try:
        server.start()
        assert await query(server.dsn("postgres"), "SELECT 1") == 1
    finally:
        server.kill()
