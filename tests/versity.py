"""VersityGW: an S3 server on a folder, which publishes its notifications to Kafka itself."""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config

from deploy.local.ports import LOOPBACK, free_port
from deploy.local.processes import ChildProcess
from tests.cached_programs import built
from tests.go_programs import go

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

VERSION: Final = "1.8.0"
REGION: Final = "us-east-1"
START_SECONDS: Final = 60.0


def find_program() -> Path:
    """
    The program, of Apache License 2.0; built if an earlier call did not. That takes three minutes of CPU time.

    Raises:
        PartUnavailable: if there is no Go or it cannot build it; the message has its last lines.
    """
    return built(f"versitygw-{VERSION}", _build) / "versitygw"


def _build(folder: Path, complete: Path) -> None:
    module = f"github.com/versity/versitygw/cmd/versitygw@v{VERSION}"
    go("VersityGW", "install", "-trimpath", "-ldflags", "-s -w", module, cwd=folder, GOBIN=str(complete))


class Versity:
    """
    One server on loopback.

    Args:
        program: From ``find_program``.
        directory: Holds buckets, metadata and log.
        broker: Host and port of one broker of Kafka, which has to be there at the start.
        topic: Gets a test event at each start, then the events of all buckets.
    """

    def __init__(self, program: Path, directory: Path, *, broker: str, topic: str) -> None:
        port = free_port()
        self.endpoint_url = f"http://{LOOPBACK}:{port}"
        self._access_key, self._secret_key = "petstream", secrets.token_urlsafe(24)
        folders = [directory / name for name in ("buckets", "metadata")]
        for folder in folders:
            folder.mkdir(parents=True)
        # fmt: off
        argv = [
            str(program), "--port", f"{LOOPBACK}:{port}", "--region", REGION, "--quiet",
            "--access", self._access_key, "--secret", self._secret_key,
            "--event-kafka-url", broker, "--event-kafka-topic", topic,
            "posix", "--sidecar", str(folders[1]), str(folders[0]),
        ]
        # fmt: on
        self.process = ChildProcess("VersityGW", argv, log_path=directory / "versitygw.log")
        self.s3 = self._client()

    def start(self) -> None:
        """Start it and wait until it answers. Raises LocalPartError if it does not."""
        self.process.start()
        self.process.wait_until(self._answers, timeout_seconds=START_SECONDS)

    def environment(self) -> dict[str, str]:
        """The settings by which a process of petstream finds it. There is no queue."""
        return {
            "S3_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self._access_key,
            "AWS_SECRET_ACCESS_KEY": self._secret_key,
            "AWS_REGION": REGION,
            "SQS_QUEUE_URL": "",
        }

    def _client(self) -> "S3Client":
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name=REGION,
            aws_access_key_id=self._access_key,
            aws_secret_access_key=self._secret_key,
            config=Config(
                signature_version="s3v4", proxies={}, s3={"addressing_style": "path"}, max_pool_connections=32
            ),
        )

    def _answers(self) -> bool:
        try:
            self.s3.list_buckets()
        except Exception:  # noqa: BLE001 - not yet, whatever it says
            return False
        return True
