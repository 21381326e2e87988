"""Builds the three parts of the stack: local ones, or external ones that the environment names."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from deploy.local.broker import Broker, choose_broker
from deploy.local.databases import database_exists
from deploy.local.external import ExternalKafka, ExternalObjectStore, ExternalPostgres
from deploy.local.object_store import ObjectStore
from deploy.local.postgres import Postgres
from deploy.local.processes import ChildProcess


class Part(Protocol):
    """The interface of a part."""

    @property
    def kind(self) -> str:
        """What it is, for people."""

    @property
    def processes(self) -> tuple[ChildProcess, ...]:
        """Its processes; empty if it is external."""

    def start(self) -> None:
        """Start it and wait until it serves."""

    def stop(self) -> None:
        """Stop it cleanly, unless it is external."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of database, bucket and queue that the stack creates."""

    database: str = "petstream"
    bucket: str = "petstream-pictures"
    queue: str = "petstream-uploads"


def make_broker(
    directory: Path, *, forced: str | None, nodes: int, port: int | None, report: Callable[[str], None]
) -> tuple[Broker, str | None]:
    """The broker, not started yet, and why it is not a local Apache Kafka."""
    if servers := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        return ExternalKafka(servers), "named by KAFKA_BOOTSTRAP_SERVERS"
    choice = choose_broker(directory, forced=forced, nodes=nodes, port=port, report=report)
    return choice.broker, choice.reason


def make_postgres(directory: Path, *, version: str, port: int | None) -> Postgres | ExternalPostgres:
    """The server, not started yet."""
    if os.environ.get("DATABASE_HOST"):
        return ExternalPostgres(os.environ)
    return Postgres(directory, version=version, port=port)


def make_object_store(directory: Path, *, port: int | None) -> ObjectStore | ExternalObjectStore:
    """The store, not started yet."""
    if os.environ.get("S3_ENDPOINT_URL"):
        return ExternalObjectStore(os.environ)
    return ObjectStore(directory, port=port)


def database_environment(postgres: Postgres | ExternalPostgres, names: Names) -> dict[str, str]:
    """Create the database on a local server if it is missing. Returns petstream's settings for it."""
    name = names.database
    ssl = "false"  # loopback only: the wheel has no TLS
    if isinstance(postgres, ExternalPostgres):
        name = os.environ.get("DATABASE_NAME") or name
        ssl = os.environ.get("DATABASE_SSL") or "true"
    elif not database_exists(postgres.dsn("postgres"), name):
        postgres.create_database(name)
    return {
        "DATABASE_HOST": postgres.host,
        "DATABASE_PORT": str(postgres.port),
        "DATABASE_NAME": name,
        "DATABASE_USERNAME": postgres.superuser,
        "DATABASE_PASSWORD": postgres.password,
        "DATABASE_SSL": ssl,
    }


def object_store_environment(objects: ObjectStore | ExternalObjectStore, names: Names) -> dict[str, str]:
    """Create bucket and queue, unless the environment names a queue. Returns petstream's settings for them."""
    given: Mapping[str, str] = os.environ if isinstance(objects, ExternalObjectStore) else {}
    bucket = given.get("S3_BUCKET") or names.bucket
    queue_url = given.get("SQS_QUEUE_URL") or objects.create_bucket_with_queue(bucket, names.queue)
    settings = {
        "S3_ENDPOINT_URL": objects.endpoint_url,
        "S3_BUCKET": bucket,
        "SQS_QUEUE_URL": queue_url,
        "AWS_REGION": objects.region,
        "AWS_ACCESS_KEY_ID": objects.access_key,
        "AWS_SECRET_ACCESS_KEY": objects.secret_key,
    }
    return {name: value for name, value in settings.items() if value is not None}
