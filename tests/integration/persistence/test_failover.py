"""
The writer goes away in every way that a failover, a crash, a network or a colleague has. A running sink waits, and then
every row is stored once, none is given up, and nobody restarts anything.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from deploy.local.ports import free_port
from deploy.local.postgres import Postgres
from persistence.migrate import up
from persistence.pool import DatabaseConfig
from streams.contracts.identity import image_id
from tests.freezing import freeze
from tests.proxy import TcpProxy
from tests.sinking import Sinking, impatient, key_of
from tests.world import World

ROWS = 100
WRITER = "petstream_writer"
DATABASE = "failover"
LOCK_TIMEOUT = "1s"  # less than the sink's own patience, as in production


class Failover:
    """A server of the module's own behind a proxy, and one sink that outlives it all, as the writer's role."""

    def __init__(self, server: Postgres, proxy: TcpProxy, world: World, impatience: dict[str, str]) -> None:
        self.server = server
        self.proxy = proxy
        env = {
            "DATABASE_HOST": proxy.host,
            "DATABASE_PORT": str(proxy.port),
            "DATABASE_NAME": DATABASE,
            "DATABASE_USERNAME": WRITER,
            "DATABASE_PASSWORD": "of the writer",
        }
        self.sinking = Sinking(world, env | impatience)
        self.aim()

    def aim(self) -> None:
        self.proxy.redirect(self.server.host, self.server.port)
        self.sinking.world.dsn = self.server.dsn(DATABASE)

    async def begin(self) -> None:
        await self.sinking.begin(ROWS)

    def sink_meets_a_lock(self) -> bool:
        waiting = "SELECT 1 FROM pg_stat_activity WHERE usename = %s AND wait_event_type = 'Lock'"
        return bool(self.sinking.world.rows(waiting, WRITER))

    def withhold_answers_at_a_lock(self) -> bool:
        """Whether the sink still waits for a lock when its answers are withheld: it does for LOCK_TIMEOUT."""
        if not self.sink_meets_a_lock():
            return False
        self.proxy.withhold_answers()
        if self.sink_meets_a_lock():
            return True
        self.proxy.thaw()
        return False


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    folder = Path(tempfile.mkdtemp(prefix="petstream-postgres-"))
    made = Postgres(folder)
    try:
        made.start()
        made.create_database(DATABASE)
        up(DatabaseConfig(made.host, made.port, DATABASE, made.superuser, made.password, ssl=False))
        with psycopg.connect(made.dsn(DATABASE), autocommit=True) as connection:
            connection.execute(f"ALTER ROLE {WRITER} PASSWORD 'of the writer'".encode())
            connection.execute(
                f"ALTER ROLE {WRITER} IN DATABASE {DATABASE} SET lock_timeout = '{LOCK_TIMEOUT}'".encode()
            )
        yield made
    finally:
        made.stop("immediate")
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def shared(server: Postgres, module_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failover]:
    with TcpProxy(server.host, server.port) as proxy:
        yield Failover(server, proxy, module_world, impatient(tmp_path_factory.mktemp("sink")))
        module_world.stop()


@pytest.fixture
def failover(shared: Failover) -> Iterator[Failover]:
    """All that it needs is there, whatever a test before did and did not undo."""
    yield shared
    shared.proxy.thaw()
    shared.server.start()


@pytest.mark.parametrize("ending", ["fast", "immediate", "kill"])
async def test_a_writer_that_restarts(failover: Failover, ending: str) -> None:
    await failover.begin()
    if ending == "kill":
        failover.server.kill()
    else:
        failover.server.stop("fast" if ending == "fast" else "immediate")
    await failover.sinking.publish(ROWS)
    failover.sinking.wait_degraded()
    failover.server.start()
    await failover.sinking.assert_account()


async def test_a_writer_that_moves_to_another_address(failover: Failover) -> None:
    await failover.begin()
    failover.server.stop()
    await failover.sinking.publish(ROWS)
    failover.sinking.wait_degraded()
    failover.server.port = free_port()
    failover.server.start()
    failover.aim()
    await failover.sinking.assert_account()


async def test_a_writer_that_becomes_a_reader(failover: Failover) -> None:
    await failover.begin()
    # In the sessions that are open too, as when the instance itself is demoted.
    failover.sinking.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    failover.sinking.execute("SELECT pg_reload_conf()")
    try:
        await failover.sinking.publish(ROWS)
        failover.sinking.wait_degraded("read-only", "read-write")  # the statement is refused, then the connection
    finally:
        with psycopg.connect(failover.server.dsn(DATABASE), autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
            connection.execute("SELECT pg_reload_conf()")
    await failover.sinking.assert_account()


async def test_a_writer_that_freezes(failover: Failover) -> None:
    await failover.begin()
    thaw = freeze(failover.server)
    try:
        await failover.sinking.publish(ROWS)
        failover.sinking.wait_degraded()
    finally:
        thaw()
    await failover.sinking.assert_account()


async def test_a_network_that_falls_silent(failover: Failover) -> None:
    await failover.begin()
    failover.proxy.freeze()
    await failover.sinking.publish(ROWS)
    failover.sinking.wait_degraded()
    failover.proxy.thaw()
    await failover.sinking.assert_account()


async def test_a_connection_that_is_cut_while_a_statement_runs(failover: Failover) -> None:
    await failover.begin()
    with psycopg.connect(failover.server.dsn(DATABASE)) as connection:
        connection.execute("LOCK TABLE classification_records")
        await failover.sinking.publish(ROWS)
        failover.sinking.world.eventually(failover.sink_meets_a_lock)
        failover.proxy.cut()
    await failover.sinking.assert_account()


async def test_a_commit_whose_answer_is_lost(failover: Failover) -> None:
    await failover.begin()
    world, before = failover.sinking.world, len(failover.sinking.published)
    with psycopg.connect(failover.server.dsn(DATABASE)) as connection:
        # Somebody inserts the next object too, so that the sink's statement waits when all but its answer is said.
        connection.execute(
            "INSERT INTO classification_records (id, user_name, image_url, classification, confidence, "
            "processing_time, timestamp) VALUES (%s, 'x', 'x', 'cat', 0, 0, now())",
            (image_id(world.bucket, key_of(before)),),
        )
        await failover.sinking.publish(ROWS)
        world.eventually(failover.withhold_answers_at_a_lock)
        connection.rollback()
    # The server has committed rows of which the sink has not heard.
    world.eventually(lambda: len(failover.sinking.stored()) > before)
    failover.proxy.cut()
    failover.proxy.thaw()
    await failover.sinking.assert_account()


async def test_a_table_that_somebody_locks(failover: Failover) -> None:
    await failover.begin()
    with psycopg.connect(failover.server.dsn(DATABASE)) as connection:
        connection.execute("LOCK TABLE classification_records")
        await failover.sinking.publish(ROWS)
        failover.sinking.wait_degraded("lock timeout")
    await failover.sinking.assert_account()
