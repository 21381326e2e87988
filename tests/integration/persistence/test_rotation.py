"""Passwords and tokens change under a running pool and a running sink: nobody restarts, nothing is lost."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from persistence.errors import MisconfiguredDatabase
from persistence.migrate import status
from persistence.pool import DatabaseConfig, Pool, open_pool
from persistence.records import ClassificationRecord
from persistence.store import Store, Upserted
from persistence.yoyo_backend import connect
from streams.runtime.database_passwords import password_in
from streams.runtime.database_tokens import REUSE_SECONDS, DatabaseTokens
from tests.sinking import Sinking
from tests.world import World

NUMBERS = itertools.count(1)


class Rotated:
    """A user whose password is changed, and the file that says what it is."""

    def __init__(self, owner: DatabaseConfig, file: Path) -> None:
        self.name = f"rotated_{next(NUMBERS)}"
        self.file = file
        self._owner = owner
        self.execute(f"CREATE ROLE {self.name} LOGIN PASSWORD 'p 1%/' IN ROLE petstream_writer")
        self.file.write_text("p 1%/\n")

    def execute(self, statement: str) -> None:
        with connect(self._owner) as connection:
            connection.execute(statement.encode())

    def alter(self, password: str) -> None:
        self.execute(f"ALTER ROLE {self.name} PASSWORD '{password}'")

    def end_sessions(self) -> None:
        self.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{self.name}'")

    def drop(self) -> None:
        self.end_sessions()
        self.execute(f"DROP ROLE {self.name}")


@pytest.fixture
def rotated(database: DatabaseConfig, tmp_path: Path) -> Iterator[Rotated]:
    user = Rotated(database, tmp_path / "password")
    yield user
    user.drop()


@pytest.fixture
async def pool(database: DatabaseConfig, rotated: Rotated) -> AsyncIterator[Pool]:
    config = replace(database, username=rotated.name, password=password_in(rotated.file))
    async with await open_pool(config) as opened:
        yield opened


async def test_old_connections_go_on_and_new_ones_use_the_new_password(
    pool: Pool, rotated: Rotated, classification: Callable[..., ClassificationRecord]
) -> None:
    async with pool.acquire() as old:
        rotated.alter("p 2")
        rotated.file.write_text("p 2\n")
        assert await old.fetchval("SELECT 1") == 1
        async with pool.acquire() as new:
            assert await new.fetchval("SELECT 1") == 1
    assert await Store(pool).upsert([classification()]) == Upserted(inserted=1)


async def test_open_sessions_go_on_while_new_ones_are_refused(
    pool: Pool, rotated: Rotated, classification: Callable[..., ClassificationRecord]
) -> None:
    store = Store(pool)
    await store.upsert([classification("1")])
    rotated.alter("p 2")
    async with pool.acquire() as old:
        with pytest.raises(MisconfiguredDatabase) as error:  # the second connection of the pool
            await store.upsert([classification("2")])
        assert error.value.sqlstate == "28P01"
        pid = await old.fetchval("SELECT pg_backend_pid()")
    assert await store.upsert([classification("2")]) == Upserted(inserted=1)
    assert await pool.fetchval("SELECT pg_backend_pid()") == pid, "the refusal of one session ends no other"


async def test_a_password_that_is_not_yet_in_the_file_is_waited_for_without_a_new_pool(
    pool: Pool, rotated: Rotated, classification: Callable[..., ClassificationRecord]
) -> None:
    store = Store(pool)
    await store.upsert([classification("1")])
    rotated.alter("p 2")
    await pool.expire_connections()
    with pytest.raises(MisconfiguredDatabase) as error:
        await store.upsert([classification("2")])
    assert error.value.sqlstate == "28P01"
    rotated.file.write_text("p 2\n")
    assert await store.upsert([classification("2")]) == Upserted(inserted=1)


async def test_a_password_file_that_is_away_is_waited_for(
    pool: Pool, rotated: Rotated, classification: Callable[..., ClassificationRecord]
) -> None:
    store = Store(pool)
    away = rotated.file.rename(rotated.file.with_name("away"))
    with pytest.raises(MisconfiguredDatabase, match="cannot be read"):
        await store.upsert([classification()])
    away.rename(rotated.file)
    assert await store.upsert([classification()]) == Upserted(inserted=1)


async def test_migrations_ask_for_the_password_at_each_connection(database: DatabaseConfig, rotated: Rotated) -> None:
    config = replace(database, username=rotated.name, password=password_in(rotated.file))
    for password in ("p 1%/", "p:2@/?#%41", "p 3"):
        rotated.alter(password)
        rotated.file.write_text(password)
        found = await asyncio.to_thread(status, config)
        assert all(migration.applied for migration in found)


async def test_a_signed_token_is_what_the_server_is_shown(
    database: DatabaseConfig, rotated: Rotated, classification: Callable[..., ClassificationRecord]
) -> None:
    class Signer:
        """Signs for whoever asks, and tells the server, as if it could verify signatures."""

        asked = 0

        def generate_db_auth_token(self, DBHostname: str, Port: int, DBUsername: str) -> str:  # noqa: N803 - boto3's names
            self.asked += 1
            token = f"{DBHostname}:{Port}/?Action=connect&DBUser={DBUsername}&X-Amz-Signature={self.asked}%2F"
            rotated.alter(token)
            return token

    now = 0.0
    signer = Signer()
    tokens = DatabaseTokens(signer, clock=lambda: now)
    password = tokens.password(database.host, database.port, rotated.name)
    config = replace(database, username=rotated.name, password=password)
    async with await open_pool(config) as pool:
        store = Store(pool)
        assert await store.upsert([classification("1")]) == Upserted(inserted=1)
        await pool.expire_connections()
        assert await store.upsert([classification("2")]) == Upserted(inserted=1)
        assert signer.asked == 1, "a young token opens several connections"
        now = REUSE_SECONDS
        assert await store.upsert([classification("3")]) == Upserted(inserted=1)
        assert signer.asked == 1, "an open connection needs none"
        await pool.expire_connections()
        assert await store.upsert([classification("4")]) == Upserted(inserted=1)
        assert signer.asked == 2
    assert all(migration.applied for migration in await asyncio.to_thread(status, config))
    assert signer.asked == 2


async def test_a_running_sink_outlives_its_password(world: World, tmp_path: Path) -> None:
    server = world.stack.postgres
    owner = DatabaseConfig(
        server.host, server.port, world.env["DATABASE_NAME"], server.superuser, server.password, ssl=False
    )
    user = Rotated(owner, tmp_path / "password")
    env = {"DATABASE_USERNAME": user.name, "DATABASE_PASSWORD": "", "DATABASE_PASSWORD_FILE": str(user.file)}
    sinking = Sinking(world, env)
    try:
        sinking.start()
        await sinking.publish(50)
        sinking.wait_stored()
        user.alter("p 2")
        await sinking.publish(50)
        sinking.wait_stored()  # on the sessions that are open
        user.end_sessions()
        await sinking.publish(50)
        sinking.wait_degraded("password authentication failed")
        user.file.write_text("p 2\n")
        await sinking.assert_account()
    finally:
        world.stop()
        user.drop()
