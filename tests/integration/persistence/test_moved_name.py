"""
The writer's name leads to another server, as a cluster endpoint does after a failover. A running sink asks for the name
at each new connection and goes on there; it is told nothing and keeps no address.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from deploy.local.postgres import Postgres
from persistence.migrate import up
from persistence.pool import DatabaseConfig
from tests.freezing import freeze
from tests.sinking import Sinking, impatient
from tests.world import World

ROWS = 100
NAME = "petstream.cluster.test"
DATABASE = "moved"
WRITER = "petstream_writer"
TABLES = ("classification_records", "image_rejections")
# Part of the sink's `sitecustomize`. A line of the file is what a name server would answer; its port, which no name
# server tells, stands for the address, since all that is local is one machine.
RESOLVER = """
import socket
from pathlib import Path

folder = Path({folder!r})
asked = socket.getaddrinfo

def getaddrinfo(host, port, *args, **kwargs):
    if host == {name!r}:
        address, port = (folder / "answer").read_text().split()
        with (folder / "asked").open("a") as log:
            log.write(port + "\\n")
        return asked(address, int(port), *args, **kwargs)
    return asked(host, port, *args, **kwargs)

socket.getaddrinfo = getaddrinfo
"""


class Resolver:
    """What the sink's process is answered when it asks for the name, and what it was answered so far, as ports."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.env = impatient(folder, RESOLVER.format(folder=str(folder), name=NAME))

    def lead_to(self, server: Postgres) -> None:
        written = self._folder / "next"
        written.write_text(f"{server.host} {server.port}")
        written.replace(self._folder / "answer")

    @property
    def answers(self) -> list[int]:
        return [int(line) for line in (self._folder / "asked").read_text().split()]


class Cluster:
    """Two servers with the same schema and the same writer, a name that leads to one of them, and a sink."""

    def __init__(self, writer: Postgres, other: Postgres, world: World, resolver: Resolver) -> None:
        self.writer = writer
        self.other = other
        self.world = world
        self.resolver = resolver
        env = {
            "DATABASE_HOST": NAME,
            "DATABASE_PORT": "5432",
            "DATABASE_NAME": DATABASE,
            "DATABASE_USERNAME": WRITER,
            "DATABASE_PASSWORD": "of the writer",
        }
        self.sinking = Sinking(world, env | resolver.env)
        self.resolve()

    def resolve(self) -> None:
        """The name leads to the writer from now on."""
        self.resolver.lead_to(self.writer)
        self.world.dsn = self.writer.dsn(DATABASE)

    def fail_over(self) -> None:
        self.writer, self.other = self.other, self.writer
        self.resolve()


@pytest.fixture(scope="module")
def cluster(module_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folders = [Path(tempfile.mkdtemp(prefix="petstream-postgres-")) for _ in range(2)]
    first, second = (Postgres(folder) for folder in folders)
    try:
        for server in (first, second):
            server.start()
            server.create_database(DATABASE)
            up(DatabaseConfig(server.host, server.port, DATABASE, server.superuser, server.password, ssl=False))
            execute(server, f"ALTER ROLE {WRITER} PASSWORD 'of the writer'")
        yield Cluster(first, second, module_world, Resolver(tmp_path_factory.mktemp("sink")))
    finally:
        module_world.stop()
        first.stop("immediate")
        second.stop("immediate")
        for folder in folders:
            shutil.rmtree(folder)


def execute(server: Postgres, statement: str) -> None:
    with psycopg.connect(server.dsn(DATABASE), autocommit=True) as connection:
        connection.execute(statement.encode())


def replicate(writer: Postgres, replica: Postgres) -> None:
    """The replica holds what the writer holds. Both tables are written by nobody meanwhile."""
    execute(replica, f"TRUNCATE {', '.join(TABLES)}")
    with psycopg.connect(writer.dsn(DATABASE)) as source, psycopg.connect(replica.dsn(DATABASE)) as target:
        for table in TABLES:
            with (
                source.cursor().copy(f"COPY {table} TO STDOUT".encode()) as rows,
                target.cursor().copy(f"COPY {table} FROM STDIN".encode()) as copied,
            ):
                for row in rows:
                    copied.write(row)


def demote(server: Postgres) -> Callable[[], None]:
    """In the sessions that are open too, as Aurora does: the old writer stays, as a reader."""
    execute(server, "ALTER SYSTEM SET default_transaction_read_only = on")
    execute(server, "SELECT pg_reload_conf()")

    def promote() -> None:
        with psycopg.connect(server.dsn(DATABASE), autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
            connection.execute("SELECT pg_reload_conf()")

    return promote


def stop(server: Postgres) -> Callable[[], None]:
    server.stop()
    return server.start


@pytest.mark.parametrize("fail", [demote, stop, freeze], ids=lambda fail: str(fail.__name__))
async def test_a_sink_follows_the_writers_name_to_another_server(
    cluster: Cluster, fail: Callable[[Postgres], Callable[[], None]]
) -> None:
    old, new, sinking, resolver = cluster.writer, cluster.other, cluster.sinking, cluster.resolver
    await sinking.begin(ROWS)
    assert resolver.answers[-1] == old.port
    replicate(old, new)
    mend = fail(old)
    try:
        await sinking.publish(ROWS)
        sinking.wait_degraded()
        # The old address is tried and tried again while the name still leads there.
        tried = len(resolver.answers)
        cluster.world.eventually(lambda: len(resolver.answers) > tried)
        assert resolver.answers[-1] == old.port
        cluster.fail_over()
        await sinking.assert_account()
        assert resolver.answers[-1] == new.port
    finally:
        mend()
