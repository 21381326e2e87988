"""deploy/aws/first-sign-in.sql on a real server: its administrator is no superuser, as on Aurora."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import psycopg
import pytest

from deploy.local.errors import PartUnavailable
from deploy.local.postgres import Postgres
from persistence import migrate
from persistence.pool import DatabaseConfig, open_pool
from persistence.schema import READER_GRANTS, missing_grants, missing_time_outs, schema_version
from tests.absent import cannot_run

ROOT: Final = Path(__file__).parents[2]
FILE: Final = ROOT / "deploy" / "aws" / "first-sign-in.sql"
USERS: Final = ("petstream_migrator", "petstream_writer", "petstream_reader")


@pytest.fixture(scope="module")
def cluster() -> Iterator[DatabaseConfig]:
    """A new cluster, seen as its administrator after the file was run twice."""
    folder = Path(tempfile.mkdtemp(prefix="petstream-postgres-"))
    try:
        server = Postgres(folder)
    except PartUnavailable as missing:
        folder.rmdir()
        cannot_run(str(missing))
    try:
        server.start()
        server.create_database("petstream")
        with psycopg.connect(server.dsn("petstream"), autocommit=True) as superuser:
            superuser.execute("CREATE ROLE rds_iam")
            superuser.execute("CREATE ROLE petstream_admin LOGIN CREATEROLE CREATEDB PASSWORD 'of the secret'")
            superuser.execute("GRANT rds_iam TO petstream_admin WITH ADMIN OPTION")
            superuser.execute("ALTER DATABASE petstream OWNER TO petstream_admin")
            superuser.execute("CREATE EXTENSION pg_stat_statements")  # rds_superuser may, a plain role may not
        config = DatabaseConfig(server.host, server.port, "petstream", "petstream_admin", "of the secret", ssl=False)
        for _ in range(2):
            run(config, FILE.read_text())
        for user in USERS:  # where IAM would let them in
            run(config, f"ALTER ROLE {user} PASSWORD 'token'")
        yield config
    finally:
        server.stop("immediate")
        shutil.rmtree(folder)


def run(config: DatabaseConfig, statements: str) -> None:
    with psycopg.connect(
        host=config.host,
        port=config.port,
        dbname=config.database,
        user=config.username,
        password=str(config.password),
        autocommit=True,
    ) as connection:
        connection.execute(statements.encode())


def as_user(config: DatabaseConfig, user: str) -> DatabaseConfig:
    return replace(config, username=user, password="token")


async def test_afterwards_the_migrator_migrates_and_nothing_is_missing(cluster: DatabaseConfig) -> None:
    migrate.up(as_user(cluster, "petstream_migrator"))
    async with await open_pool(as_user(cluster, "petstream_writer")) as pool:
        assert (await schema_version(pool)).is_current
        assert await missing_grants(pool) == ()
        assert await missing_time_outs(pool) == ()
    async with await open_pool(as_user(cluster, "petstream_reader"), read_only=True) as pool:
        assert await missing_grants(pool, READER_GRANTS) == ()


def test_a_migration_may_take_its_time_and_a_row_may_not(cluster: DatabaseConfig) -> None:
    def limit(user: str) -> str:
        with psycopg.connect(
            host=cluster.host, port=cluster.port, dbname=cluster.database, user=user, password="token"
        ) as connection:
            row = connection.execute("SHOW statement_timeout").fetchone()
        assert row is not None
        return str(row[0])

    assert [limit(user) for user in USERS] == ["0", "10s", "30s"]


def test_the_time_outs_are_those_of_the_migration() -> None:
    migration = (ROOT / "migrations" / "0007.roles.sql").read_text()
    wanted = re.findall(
        r"ALTER ROLE (petstream_\w+) IN DATABASE %I SET (\w+) = %L', current_database\(\), '(\d+s)'", migration
    )
    given = re.findall(
        r"ALTER ROLE (petstream_\w+) IN DATABASE %I SET (\w+) = %L', current_database\(\), '(\d+s)'", FILE.read_text()
    )
    assert given == wanted
    assert len(wanted) == 6
