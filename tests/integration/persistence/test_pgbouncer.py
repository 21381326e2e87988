"""Everything that the sink and the readers do works where each transaction may meet another session of the server."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace

import asyncpg
import pytest

from deploy.local.errors import PartUnavailable
from deploy.local.postgres import Postgres
from persistence.errors import TransientPersistenceError
from persistence.migrate import down, status, up
from persistence.pool import DatabaseConfig, open_pool
from persistence.reads import Cursor, count_outcomes, find, page_by_user
from persistence.records import ClassificationRecord, RejectionRecord
from persistence.schema import missing_grants, schema_version
from persistence.store import Store, Upserted
from persistence.yoyo_backend import connect
from tests.absent import cannot_run
from tests.pgbouncer import SERVER_CONNECTIONS, PgBouncer
from tests.records import sequencer
from tests.sinking import Sinking
from tests.world import World

Classification = Callable[..., ClassificationRecord]
Rejection = Callable[..., RejectionRecord]
WRITER = "petstream_writer"


def bouncer_for(host: str, port: int, users: dict[str, str]) -> PgBouncer:
    try:
        return PgBouncer(host, port, users)
    except PartUnavailable as missing:
        cannot_run(str(missing))


@pytest.fixture(scope="module")
def bouncer(postgres: Postgres, template: str) -> Iterator[PgBouncer]:
    owner = DatabaseConfig(postgres.host, postgres.port, "postgres", postgres.superuser, postgres.password, ssl=False)
    with connect(owner) as connection:
        connection.execute(f"ALTER ROLE {WRITER} PASSWORD 'of the writer'".encode())
    users = {postgres.superuser: postgres.password, WRITER: "of the writer"}
    with bouncer_for(postgres.host, postgres.port, users) as made:
        yield made


@pytest.fixture
def database(own_database: DatabaseConfig) -> DatabaseConfig:
    """Of the test's own: PgBouncer keeps sessions to a database that others share."""
    return own_database


@pytest.fixture
def pooled(database: DatabaseConfig, bouncer: PgBouncer) -> DatabaseConfig:
    return replace(database, host=bouncer.host, port=bouncer.port, username=WRITER, password="of the writer")


async def test_overlapping_writers_share_few_sessions_and_store_everything_once(
    pooled: DatabaseConfig, database: DatabaseConfig, classification: Classification, rejection: Rejection
) -> None:
    async def write(writer: int) -> Upserted:
        total = Upserted()
        async with await open_pool(pooled) as pool:
            store = Store(pool)
            for batch in range(10):
                keys = [f"{batch}/{n}" for n in range(20)]
                total += await store.upsert(
                    [classification(key, version=writer + 1) for key in keys],
                    [rejection(f"no/{writer}/{batch}")],
                )
        return total

    totals = await asyncio.gather(*(write(writer) for writer in range(6)))
    assert sum(total.rows for total in totals) == 6 * 10 * 21
    async with await open_pool(database) as pool:
        counts = await count_outcomes(pool)
        assert (counts.classified, counts.rejected) == (200, 60)
        newest = await pool.fetchval("SELECT min(source_sequencer) FROM classification_records")
        assert newest == sequencer(6)
        sessions = await pool.fetchval("SELECT count(*) FROM pg_stat_activity WHERE usename = $1", WRITER)
        assert 1 <= sessions <= SERVER_CONNECTIONS


async def test_a_bad_row_is_isolated(pooled: DatabaseConfig, classification: Classification) -> None:
    bad = classification("bad")
    object.__setattr__(bad, "classification", "bird")  # past the record's own check
    rows = [classification(str(n)) for n in range(30)]
    async with await open_pool(pooled) as pool:
        upserted, refused = await Store(pool).upsert_isolating([*rows[:17], bad, *rows[17:]])
        assert upserted == Upserted(inserted=30)
        assert [each.record for each in refused] == [bad]
        assert refused[0].error.sqlstate == "23514"
        assert (await count_outcomes(pool)).objects == 30


async def test_reads_pages_and_the_doctors_questions_are_answered(
    pooled: DatabaseConfig, classification: Classification, rejection: Rejection
) -> None:
    async with await open_pool(pooled, read_only=True) as pool:
        await Store(pool).upsert([classification(str(n)) for n in range(5)], [rejection("no")])
        assert (await schema_version(pool)).is_current
        assert await missing_grants(pool) == ()
        one = await find(pool, classification("3").id)
        assert one is not None
        assert one.source_key == "3"
        seen: list[str] = []
        after: Cursor | None = None
        while True:
            page = await page_by_user(pool, "ann", after, limit=2)
            seen += [outcome.source_key for outcome in page.outcomes]
            after = page.after
            if after is None:
                break
        assert sorted(seen) == ["0", "1", "2", "3", "4", "no"]


async def test_the_time_outs_of_the_role_hold(pooled: DatabaseConfig, database: DatabaseConfig) -> None:
    down(database, "0006")  # the settings belong to this database, and a copy of a template does not inherit them
    up(database)
    async with await open_pool(pooled) as pool:
        assert await pool.fetchval("SELECT current_setting('statement_timeout')") == "10s"


def test_the_state_of_the_schema_can_be_read(pooled: DatabaseConfig) -> None:
    assert all(migration.applied for migration in status(pooled))


async def test_a_bouncer_that_restarts_is_transient(
    pooled: DatabaseConfig, bouncer: PgBouncer, classification: Classification
) -> None:
    async with await open_pool(pooled) as pool:
        store = Store(pool)
        await store.upsert([classification("1")])
        await asyncio.to_thread(bouncer.stop)
        try:
            with pytest.raises(TransientPersistenceError):
                await store.upsert([classification("2")])
        finally:
            await asyncio.to_thread(bouncer.start)
        assert await store.upsert([classification("2")]) == Upserted(inserted=1)


async def test_what_makes_it_work_is_that_nothing_is_prepared(
    pooled: DatabaseConfig, classification: Classification
) -> None:
    """With asyncpg's statement cache, sessions are asked for statements that another session prepared."""

    async def read(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        for n in range(20):
            await connection.fetchval(f"SELECT {n % 3} + $1::int", n)

    connections = [
        await asyncpg.connect(
            host=pooled.host,
            port=pooled.port,
            database=pooled.database,
            user=pooled.username,
            password=str(pooled.password),
        )
        for _ in range(SERVER_CONNECTIONS * 2)
    ]
    try:
        results = await asyncio.gather(*(read(each) for each in connections), return_exceptions=True)
    finally:
        for connection in connections:
            await connection.close()
    codes = {getattr(result, "sqlstate", None) for result in results}
    assert codes & {"26000", "42P05"}, "or PgBouncer has learnt to follow prepared statements"


async def test_a_sink_stores_through_it_and_outlives_its_restart(world: World) -> None:
    server = world.stack.postgres
    with bouncer_for(server.host, server.port, {server.superuser: server.password}) as bouncer:
        sinking = Sinking(world, {"DATABASE_HOST": bouncer.host, "DATABASE_PORT": str(bouncer.port)})
        try:
            sinking.start()
            await sinking.publish(300)
            sinking.wait_stored()
            bouncer.stop()
            await sinking.publish(300)
            sinking.wait_degraded()
            bouncer.start()
            await sinking.assert_account()
        finally:
            world.stop()
