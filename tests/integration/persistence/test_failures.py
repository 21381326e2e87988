import asyncio
from collections.abc import Callable
from dataclasses import replace

import asyncpg
import pytest

from deploy.local.postgres import Postgres
from persistence.errors import MisconfiguredDatabase, TransientPersistenceError
from persistence.pool import DatabaseConfig, Pool, open_pool
from persistence.records import ClassificationRecord, RejectionRecord
from persistence.store import Store, Upserted

Classification = Callable[..., ClassificationRecord]


async def another_connection(database: DatabaseConfig) -> "asyncpg.Connection[asyncpg.Record]":
    return await asyncpg.connect(
        host=database.host,
        port=database.port,
        database=database.database,
        user=database.username,
        password=str(database.password),
    )


async def until_somebody_waits(connection: "asyncpg.Connection[asyncpg.Record]") -> int:
    """The process id of the session that waits for a lock."""
    async with asyncio.timeout(60):
        while True:
            pid = await connection.fetchval(
                "SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'classification_records'::regclass"
            )
            if pid:
                return int(pid)
            await asyncio.sleep(0.01)


async def test_a_pool_opens_while_the_database_is_down(
    database: DatabaseConfig, classification: Classification
) -> None:
    async with await open_pool(replace(database, port=1)) as pool:
        with pytest.raises(TransientPersistenceError):
            await Store(pool).upsert([classification()])


async def test_a_connection_that_is_killed_in_the_middle_is_transient_and_the_next_call_succeeds(
    database: DatabaseConfig, store: Store, classification: Classification
) -> None:
    connection = await another_connection(database)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE classification_records")
            task = asyncio.create_task(store.upsert([classification()]))
            await connection.execute("SELECT pg_terminate_backend($1)", await until_somebody_waits(connection))
            with pytest.raises(TransientPersistenceError):
                await task
    finally:
        await connection.close()
    assert await store.upsert([classification()]) == Upserted(inserted=1)


async def test_an_idle_connection_that_was_killed_is_transient_and_the_next_call_succeeds(
    database: DatabaseConfig, pool: Pool, classification: Classification
) -> None:
    store = Store(pool)
    await store.upsert([classification("1")])
    connection = await another_connection(database)
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await connection.close()
    # The pool may have noticed by now, or not: either way nothing but a transient error is seen, and not for long.
    try:
        await store.upsert([classification("2")])
    except TransientPersistenceError:
        assert await store.upsert([classification("2")]) == Upserted(inserted=1)


async def test_a_server_that_became_read_only_is_transient_and_its_connections_are_given_up(
    database: DatabaseConfig, classification: Classification
) -> None:
    async with await open_pool(database, max_connections=1) as pool:
        store = Store(pool)
        # As after a failover: the session was opened to a writer, which is now a reader.
        await pool.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        with pytest.raises(TransientPersistenceError) as error:
            await store.upsert([classification()])
        assert error.value.sqlstate == "25006"
        assert await store.upsert([classification()]) == Upserted(inserted=1), "on a new connection"


async def test_a_server_that_only_reads_is_refused_for_writing_and_welcome_for_reading(
    own_database: DatabaseConfig, own_pool: Pool, classification: Classification
) -> None:
    await own_pool.execute(f"ALTER DATABASE {own_database.database} SET default_transaction_read_only = on")
    async with await open_pool(own_database) as writing:
        with pytest.raises(TransientPersistenceError) as error:
            await Store(writing).upsert([classification()])
        assert isinstance(error.value.__cause__, asyncpg.TargetServerAttributeNotMatched), "before any statement"
    async with await open_pool(own_database, read_only=True) as reading:
        assert await reading.fetchval("SELECT count(*) FROM image_outcomes") == 0


@pytest.mark.parametrize(("setting", "sqlstate"), [("lock_timeout", "55P03"), ("statement_timeout", "57014")])
async def test_a_table_that_stays_locked_is_transient(
    own_database: DatabaseConfig, classification: Classification, setting: str, sqlstate: str
) -> None:
    connection = await another_connection(own_database)
    try:
        await connection.execute(f"ALTER DATABASE {own_database.database} SET {setting} = '50ms'")
        async with connection.transaction(), await open_pool(own_database) as pool:
            await connection.execute("LOCK TABLE classification_records")
            with pytest.raises(TransientPersistenceError) as error:
                await Store(pool).upsert([classification()])
            assert error.value.sqlstate == sqlstate
    finally:
        await connection.close()


async def test_a_deadlock_is_transient_for_one_and_no_trouble_for_the_other(
    own_database: DatabaseConfig, own_pool: Pool, classification: Classification
) -> None:
    # Not by two of our own writers, which lock in order: by somebody who updates rows by hand.
    low, high = sorted((classification("1"), classification("2")), key=lambda record: record.id)
    connection = await another_connection(own_database)
    await connection.execute(f"ALTER DATABASE {own_database.database} SET deadlock_timeout = '50ms'")
    store = Store(own_pool)
    await store.upsert([low, high])
    try:
        transaction = connection.transaction()
        await transaction.start()
        touch = "UPDATE classification_records SET updated_at = now() WHERE id = $1"
        await connection.execute(touch, high.id)
        newer = [replace(record, model_rev=2) for record in (low, high)]
        task = asyncio.create_task(store.upsert(newer))
        async with asyncio.timeout(60):
            while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.01)
        outcomes = await asyncio.gather(connection.execute(touch, low.id), task, return_exceptions=True)
        failures = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        assert len(failures) == 1
        assert isinstance(failures[0], asyncpg.DeadlockDetectedError | TransientPersistenceError)
        assert getattr(failures[0], "sqlstate", None) == "40P01"
        await transaction.rollback()
    finally:
        await connection.close()
    assert (await store.upsert(newer)).rows == 2


async def test_a_cancelled_write_leaves_the_pool_usable(
    database: DatabaseConfig, classification: Classification, rejection: Callable[..., RejectionRecord]
) -> None:
    connection = await another_connection(database)
    async with await open_pool(database, max_connections=1) as pool:
        store = Store(pool)
        try:
            async with connection.transaction():
                await connection.execute("LOCK TABLE image_rejections")
                task = asyncio.create_task(store.upsert([classification("1")], [rejection("2")]))
                async with asyncio.timeout(60):
                    while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                        await asyncio.sleep(0.01)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
        finally:
            await connection.close()
        assert await pool.fetchval("SELECT count(*) FROM image_outcomes") == 0, "half a batch is no batch"
        assert await store.upsert([classification("1")], [rejection("2")]) == Upserted(inserted=2)


async def test_a_wrong_password_is_a_misconfiguration(database: DatabaseConfig, classification: Classification) -> None:
    async with await open_pool(replace(database, password="wrong")) as pool:
        with pytest.raises(MisconfiguredDatabase) as error:
            await Store(pool).upsert([classification()])
    assert error.value.sqlstate == "28P01"


async def test_a_database_that_does_not_exist_is_a_misconfiguration(
    database: DatabaseConfig, classification: Classification
) -> None:
    async with await open_pool(replace(database, database="nowhere")) as pool:
        with pytest.raises(MisconfiguredDatabase) as error:
            await Store(pool).upsert([classification()])
    assert error.value.sqlstate == "3D000"


async def test_a_password_is_asked_for_at_each_connection_and_may_change(
    database: DatabaseConfig, classification: Classification
) -> None:
    answers = ["expired", str(database.password), str(database.password)]

    async def password() -> str:
        return answers.pop(0)

    async with await open_pool(replace(database, password=password)) as pool:
        store = Store(pool)
        with pytest.raises(MisconfiguredDatabase):
            await store.upsert([classification("1")])
        assert await store.upsert([classification("1")]) == Upserted(inserted=1)
        await pool.expire_connections()
        assert await store.upsert([classification("2")]) == Upserted(inserted=1)
    assert answers == []


async def test_a_stopped_server_is_transient_and_the_same_pool_goes_on_after_it_returns(
    postgres: Postgres, database: DatabaseConfig, store: Store, classification: Classification
) -> None:
    await store.upsert([classification("1")])
    await asyncio.to_thread(postgres.stop)
    try:
        for _ in range(3):
            with pytest.raises(TransientPersistenceError):
                await store.upsert([classification("2")])
    finally:
        await asyncio.to_thread(postgres.start)
    # The first connection after a restart may still meet the end of an old one.
    async with asyncio.timeout(60):
        while True:
            try:
                upserted = await store.upsert([classification("1"), classification("2")])
            except TransientPersistenceError:
                await asyncio.sleep(0.05)
            else:
                break
    assert upserted == Upserted(inserted=1, stale=1)
