"""
External parts, named by the environment. They are used, but never stopped, killed or restarted.

The variables are petstream's: KAFKA_BOOTSTRAP_SERVERS; DATABASE_HOST, _PORT, _NAME, _USERNAME, _PASSWORD, _SSL;
S3_ENDPOINT_URL with S3_BUCKET, SQS_QUEUE_URL and the AWS credentials.
"""

import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from deploy.local.buckets import UPLOADS_PREFIX, ObjectStoreClients, create_bucket_with_queue
from deploy.local.databases import create_database, drop_database, dsn
from deploy.local.errors import LocalPartError
from deploy.local.processes import ChildProcess
from deploy.local.topics import BROKER_DEFAULT, create_topics, live_brokers

ANSWER_SECONDS = 4.0


class _NotOurs:
    """Refuses to end or restart a part that the stack did not start."""

    kind: str

    @property
    def processes(self) -> tuple[ChildProcess, ...]:
        """None: the stack started none of its processes."""
        return ()

    def stop(self) -> None:
        """Leave it running."""

    def kill(self) -> None:
        """Refuse. Raises LocalPartError."""
        raise LocalPartError(f"{self.kind} is external (named by the environment): it is not killed or restarted")

    restart = kill


class ExternalKafka(_NotOurs):
    """A cluster at an address. Counts as durable."""

    durable = True

    def __init__(self, bootstrap_servers: str) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.kind = f"Kafka at {bootstrap_servers}"

    def start(self) -> None:
        """Check that it answers. Raises LocalPartError if not."""
        if not live_brokers(self.bootstrap_servers):
            raise LocalPartError(f"{self.kind} does not answer (KAFKA_BOOTSTRAP_SERVERS)")

    def create_topics(
        self, partitions: Mapping[str, int], *, configs: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        """Create topics by name and number of partitions, with the cluster's own replication."""
        create_topics(self.bootstrap_servers, partitions, configs=configs, replication_factor=BROKER_DEFAULT)


class ExternalPostgres(_NotOurs):
    """A server at an address, with the environment's user."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.host = environment["DATABASE_HOST"]
        self.port = int(environment.get("DATABASE_PORT") or "5432")
        self.superuser = environment.get("DATABASE_USERNAME") or "postgres"
        self.password = environment.get("DATABASE_PASSWORD") or ""
        self.kind = f"PostgreSQL at {self.host}:{self.port}"

    def start(self) -> None:
        """Nothing to do: the first statement fails if it does not answer."""

    def create_database(self, name: str, *, template: str | None = None) -> None:
        """Create a database, if the user may."""
        create_database(self.dsn("postgres"), name, template)

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists."""
        drop_database(self.dsn("postgres"), name)

    def dsn(self, database: str, *, username: str | None = None, password: str | None = None) -> str:
        """The address of a database; by default for the environment's user."""
        return dsn(self.host, self.port, database, username or self.superuser, password or self.password)


class ExternalObjectStore(_NotOurs):
    """S3 and SQS at an endpoint."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.endpoint_url = environment["S3_ENDPOINT_URL"]
        self.region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1"
        self.access_key = environment.get("AWS_ACCESS_KEY_ID") or None
        self.secret_key = environment.get("AWS_SECRET_ACCESS_KEY") or None
        self.kind = f"S3 and SQS at {self.endpoint_url}"
        self._clients = ObjectStoreClients(self.endpoint_url, self.region, self.access_key, self.secret_key)
        self.s3 = self._clients.s3
        self.sqs = self._clients.sqs

    def start(self) -> None:
        """Check that something listens there. Raises LocalPartError if not."""
        parts = urlsplit(self.endpoint_url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            socket.create_connection((parts.hostname or "", port), timeout=ANSWER_SECONDS).close()
        except OSError as error:
            raise LocalPartError(f"{self.kind} does not answer (S3_ENDPOINT_URL)") from error

    def create_bucket_with_queue(
        self,
        bucket: str,
        queue: str,
        *,
        prefix: str = UPLOADS_PREFIX,
        visibility_timeout_seconds: int = 60,
        max_receive_count: int = 100,
    ) -> str:
        """Create a versioned bucket with notifications to a queue. Returns the queue's URL."""
        return create_bucket_with_queue(
            self._clients,
            bucket,
            queue,
            prefix=prefix,
            visibility_timeout_seconds=visibility_timeout_seconds,
            max_receive_count=max_receive_count,
        )
