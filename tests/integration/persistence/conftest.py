"""A real PostgreSQL, once per version that is installed, and a fresh database for each test."""

import itertools
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from deploy.local.errors import PartUnavailable
from deploy.local.postgres import Postgres
from persistence.migrate import up
from persistence.pool import DatabaseConfig, Pool, open_pool
from persistence.records import ClassificationRecord, RejectionRecord
from persistence.store import Store

NUMBERS = itertools.count(1)
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session", params=["15", "18"])
def postgres(request: pytest.FixtureRequest) -> Iterator[Postgres]:
    # Not pytest's own folder: it is private to root, and PostgreSQL runs as somebody else.
    folder = Path(tempfile.mkdtemp(prefix="petstream-postgres-"))
    try:
        server = Postgres(folder, version=request.param)
    except PartUnavailable as unavailable:
        shutil.rmtree(folder)
        pytest.skip(str(unavailable))
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


@pytest.fixture
def database(postgres: Postgres, template: str) -> Iterator[DatabaseConfig]:
    name = f"test_{next(NUMBERS)}"
    postgres.create_database(name, template=template)
    yield config_for(postgres, name)
    postgres.drop_database(name)


@pytest.fixture
async def pool(database: DatabaseConfig) -> AsyncIterator[Pool]:
    async with await open_pool(database) as opened:
        yield opened


@pytest.fixture
def store(pool: Pool) -> Store:
    return Store(pool)


def sequencer(number: int) -> str:
    return f"{number:064X}"


def object_id(key: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"s3://photos/{key}")


@pytest.fixture
def classification() -> Callable[..., ClassificationRecord]:
    """Makes the record of the object named by ``key``; anything else may be given too."""

    def make(key: str = "uploads/ann/1.jpg", *, version: int = 1, **changes: object) -> ClassificationRecord:
        fields: dict[str, object] = {
            "id": object_id(key),
            "user_name": "ann",
            "image_url": f"s3://photos/{key}",
            "classification": "cat",
            "confidence": Decimal("0.9876"),
            "processing_time": 12,
            "timestamp": NOON,
            "source_bucket": "photos",
            "source_key": key,
            "source_sequencer": sequencer(version),
            "model_name": "efficientnet-lite0",
            "model_version": "1.0",
            "model_rev": 1,
        }
        return ClassificationRecord(**(fields | changes))  # type: ignore[arg-type]  # the caller's names are the fields'

    return make


@pytest.fixture
def rejection() -> Callable[..., RejectionRecord]:
    """Makes the rejection of the object named by ``key``; anything else may be given too."""

    def make(key: str = "uploads/ann/1.jpg", *, version: int = 1, **changes: object) -> RejectionRecord:
        fields: dict[str, object] = {
            "id": object_id(key),
            "user_name": "ann",
            "image_url": f"s3://photos/{key}",
            "reason": "undecodable",
            "detail": "truncated",
            "timestamp": NOON,
            "source_bucket": "photos",
            "source_key": key,
            "source_sequencer": sequencer(version),
            "model_name": "efficientnet-lite0",
            "model_version": "1.0",
            "model_rev": 1,
            "upload_event": b'{"Records":[]}',
        }
        return RejectionRecord(**(fields | changes))  # type: ignore[arg-type]  # the caller's names are the fields'

    return make
