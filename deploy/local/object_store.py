"""
S3 and SQS in a process on loopback: ministack, whose notifications have S3's format.

Measured: a clean stop keeps objects, versions, bucket settings, queues and messages in flight. A kill keeps the
objects, but loses queues, messages and bucket settings, unlike the real services. So tests that rely on them must not
kill it.
"""

import os
import secrets
import sys
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.buckets import UPLOADS_PREFIX, ObjectStoreClients, create_bucket_with_queue
from deploy.local.errors import PartUnavailable
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.processes import ChildProcess

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

_REGION = "us-east-1"
_START_TIMEOUT_SECONDS = 180.0
_STOP_GRACE_SECONDS = 60.0  # a kill loses the messages of the queue
# Without the environment's proxy.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ObjectStore:
    """
    One endpoint for both services.

    Args:
        directory: Holds objects, state and log. That of an earlier run is taken up again if it stopped cleanly.
        port: By default a free one.

    Raises:
        PartUnavailable: if ministack is not installed.
    """

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        if find_spec("ministack") is None:
            raise PartUnavailable("ministack is not installed: install petstream with its extra local")
        self.kind = "S3 and SQS (ministack)"
        self.region = _REGION
        self.access_key = "petstream-local"
        self.secret_key = secrets.token_urlsafe(24)
        self._port = port or free_port()
        self.endpoint_url = f"http://{LOOPBACK}:{self._port}"
        self._directory = directory
        self._clients: ObjectStoreClients | None = None
        self._process = ChildProcess(
            self.kind,
            [sys.executable, "-m", "ministack"],
            env=self._environment(),
            cwd=directory,
            log_path=directory / "ministack.log",
        )

    @property
    def processes(self) -> tuple[ChildProcess, ...]:
        """The one process."""
        return (self._process,)

    @property
    def s3(self) -> "S3Client":
        """A boto3 client."""
        return self._connected().s3

    @property
    def sqs(self) -> "SQSClient":
        """A boto3 client."""
        return self._connected().sqs

    def start(self) -> None:
        """Start it and wait until it answers. Raises LocalPartError if it does not."""
        (self._directory / "tmp").mkdir(parents=True, exist_ok=True)
        if not self._process.is_running:
            self._process.start()
        self._process.wait_until(self._is_ready, timeout_seconds=_START_TIMEOUT_SECONDS)

    def stop(self) -> None:
        """Stop it cleanly: it writes its state to disk."""
        self._process.stop(_STOP_GRACE_SECONDS)

    def kill(self) -> None:
        """Kill it (SIGKILL). Objects stay; queues, messages and bucket settings are gone."""
        self._process.kill()

    def restart(self) -> None:
        """Stop it cleanly and start it at the same address."""
        self.stop()
        self.start()

    def create_bucket_with_queue(
        self,
        bucket: str,
        queue: str,
        *,
        prefix: str = UPLOADS_PREFIX,
        visibility_timeout_seconds: int = 60,
        max_receive_count: int = 100,
    ) -> str:
        """Create a versioned bucket with notifications to a queue; returns its URL. See `deploy.local.buckets`."""
        return create_bucket_with_queue(
            self._connected(),
            bucket,
            queue,
            prefix=prefix,
            visibility_timeout_seconds=visibility_timeout_seconds,
            max_receive_count=max_receive_count,
        )

    def _connected(self) -> ObjectStoreClients:
        if self._clients is None:
            self._clients = ObjectStoreClients(self.endpoint_url, self.region, self.access_key, self.secret_key)
        return self._clients

    def _environment(self) -> dict[str, str]:
        """The whole environment of the process, without the user's credentials."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),  # it is found the way this process found it
            "HOME": str(self._directory),
            "TMPDIR": str(self._directory / "tmp"),
            "BIND_HOST": LOOPBACK,  # it listens on every interface otherwise
            "GATEWAY_PORT": str(self._port),
            "MINISTACK_HOST": LOOPBACK,  # appears in queue URLs
            "MINISTACK_REGION": self.region,
            "SERVICES": "s3,sqs",
            # If cryptography is installed, it would listen for MQTT on port 8883 of all interfaces, despite SERVICES.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            # It removes containers that it takes for its own leftovers. There is no daemon here, so it cannot.
            "DOCKER_HOST": f"unix://{self._directory / 'no-docker'}",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self._directory / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self._directory / "objects"),
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "LOG_LEVEL": "WARNING",
        }

    def _is_ready(self) -> bool:
        try:
            with _DIRECT.open(f"{self.endpoint_url}/_ministack/health", timeout=1.0) as answer:
                return bool(answer.status == 200)  # noqa: PLR2004 - HTTP: OK
        except (urllib.error.URLError, OSError):
            return False
