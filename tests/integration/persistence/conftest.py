"""A real PostgreSQL: 18 in every run, and everything again on 15 among the slow tests; databases of its own."""

import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.errors import PartUnavailable
from deploy.local.postgres import Postgres
from persistence.migrate import up
from persistence.pool import DatabaseConfig, Pool, open_pool
from persistence.records import ClassificationRecord, RejectionRecord
from persistence.store import Store
from persistence.yoyo_backend import connect
from tests import records
from tests.absent import cannot_run

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session", params=[pytest.param("15", marks=pytest.mark.slow), "18"])
def postgres(request: pytest.FixtureRequest) -> Iterator[Postgres]:
    # Not pytest's own folder: it is private to root, and PostgreSQL runs as somebody else.
    folder = Path(tempfile.mkdtemp(prefix="petstream-postgres-"))
    try:
        server = Postgres(folder, version=request.param)
    except PartUnavailable as unavailable:
        shutil.rmtree(folder)
        cannot_run(str(unavailable))
    try:
        server.start()
        yield server
    finally:
        server.stop("immediate")
        shutil.rmtree(folder)


def config_for(server: Postgres, database: str) -> DatabaseConfig:
    return DatabaseConfig(server.host, server.port, database, server.superuser, server.password, ssl=False)


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> str:
    name = "migrated"
    postgres.create_database(name)
    up(config_for(postgres, name))
    return name


@pytest.fixture
def empty_database(postgres: Postgres) -> Iterator[DatabaseConfig]:
    name = f"test_{next(NUMBERS)}"
    postgres.create_database(name)
    yield config_for(postgres, name)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def shared_database(postgres: Postgres, template: str) -> DatabaseConfig:
    name = "shared"
    postgres.create_database(name, template=template)
    return config_for(postgres, name)


@pytest.fixture
def database(shared_database: DatabaseConfig) -> DatabaseConfig:
    """Migrated, with empty tables. The tests share it one after the other: only rows may be changed."""
    with connect(shared_database) as connection:
        # What a test that failed left open must not hold the next one up.
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute("TRUNCATE classification_records, image_rejections")
    return shared_database


@pytest.fixture
def own_database(postgres: Postgres, template: str) -> Iterator[DatabaseConfig]:
    """Migrated, and the test's own: for those that change tables, permissions or settings."""
    name = f"test_{next(NUMBERS)}"
    postgres.create_database(name, template=template)
    yield config_for(postgres, name)
    postgres.drop_database(name)


@pytest.fixture
async def pool(database: DatabaseConfig) -> AsyncIterator[Pool]:
    async with await open_pool(database) as opened:
        yield opened


@pytest.fixture
async def own_pool(own_database: DatabaseConfig) -> AsyncIterator[Pool]:
    async with await open_pool(own_database) as opened:
        yield opened


@pytest.fixture
def store(pool: Pool) -> Store:
    return Store(pool)


@pytest.fixture
def classification() -> Callable[..., ClassificationRecord]:
    """Makes the record of the object named by ``key``; anything else may be given too."""
    return records.classification


@pytest.fixture
def rejection() -> Callable[..., RejectionRecord]:
    """Makes the rejection of the object named by ``key``; anything else may be given too."""
    return records.rejection
