"""
Reads objects for the page, up to limits of size and time. In the demo it also uploads pictures.

It uses boto3, which is slower than obstore: people open pictures one page at a time, the board's installation has no
obstore, and boto3 can express every key.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple, cast
from uuid import UUID

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from streams.contracts.identity import NO_SEQUENCER, image_id
from streams.notifications.upload import ImageUploaded
from streams.runtime.error_text import BROKEN, error_text
from streams.runtime.settings import AwsSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from urllib3 import HTTPResponse

READS_AT_ONCE: Final = 8
CONNECT_SECONDS: Final = 3
SILENCE_SECONDS: Final = 5
"""A store that sends nothing for this long does not answer."""
READ_SECONDS: Final = 10.0
"""For a whole object, however steadily it trickles."""
SILENT_MAX: Final = 6
"""So many reads without an answer in a row, and the store is away: further ones fail at once."""
AWAY_SECONDS: Final = 5.0
CHUNK_BYTES: Final = 256 * 1024
NAME_CHARS: Final = 120
UPLOADER: Final = "you"
"""The user name of the page's uploads."""


class NoPictureError(Exception):
    """The picture cannot be shown. The message says why, for people, and names no credentials."""

    status = 404


class UnavailableError(NoPictureError):
    """The picture cannot be shown now, and perhaps later: the store does not answer, or too many are being made."""

    status = 503


class ObjectVersion(NamedTuple):
    """Where an object is. ``version_id`` is None for its newest version."""

    bucket: str
    key: str
    version_id: str | None


@dataclass(frozen=True, slots=True)
class StoredObject:
    """The bytes of an object, and the etag of the response that brought them; empty if it had none."""

    data: bytes
    etag: str


class PictureStore:
    """
    Reads objects of one S3 endpoint, and writes them in the demo.

    Args:
        settings: Region and endpoint.
        max_bytes: Larger objects are not read.
        clock: Seconds, monotonic.
    """

    def __init__(self, settings: AwsSettings, *, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = _client(settings)
        self._max_bytes = max_bytes
        self._clock = clock
        self._readers = ThreadPoolExecutor(READS_AT_ONCE, "board-read")
        self._silent = 0
        self._away_until = 0.0

    async def read(self, place: ObjectVersion, etag: str = "") -> StoredObject | None:
        """
        The bytes of an object; None if it still has this etag.

        Raises:
            NoPictureError: the object is missing, forbidden or too large.
            UnavailableError: the store does not answer.
        """
        if self._clock() < self._away_until:
            raise UnavailableError("the store does not answer")
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, place, etag)

    async def put(self, bucket: str, name: str, data: bytes) -> ImageUploaded:
        """
        Upload a picture below ``uploads/you/``. Each upload gets a key of its own, so nothing is overwritten.

        Raises:
            NoPictureError: the store refused it.
        """
        key = f"uploads/{UPLOADER}/{secrets.token_hex(6)}/{_file_name(name)}"
        began = datetime.now(UTC)
        version_id = await asyncio.to_thread(self._write, bucket, key, data)
        return ImageUploaded(bucket, key, began, NO_SEQUENCER, version_id, size_bytes=len(data))

    def _read(self, place: ObjectVersion, etag: str) -> StoredObject | None:
        deadline = self._clock() + READ_SECONDS
        try:
            found = self._read_until(deadline, place, etag)
        except ClientError as error:
            self._silent = 0
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if status == HTTPStatus.NOT_MODIFIED:
                return None
            kind = UnavailableError if status >= HTTPStatus.INTERNAL_SERVER_ERROR else NoPictureError
            raise kind(f"the store did not return it: {_reason(error)}") from error
        except (BotoCoreError, HTTPError, OSError) as error:
            self._silent += 1
            if self._silent >= SILENT_MAX:
                self._away_until = self._clock() + AWAY_SECONDS
            raise UnavailableError(f"the store did not return it: {_reason(error)}") from error
        self._silent = 0
        return found

    def _read_until(self, deadline: float, place: ObjectVersion, etag: str) -> StoredObject:
        asked = {"VersionId": place.version_id, "IfNoneMatch": etag}
        answer = self._client.get_object(
            Bucket=place.bucket,
            Key=place.key,
            **{name: value for name, value in asked.items() if value},  # type: ignore[arg-type] # mypy: **
        )
        with answer["Body"] as stream:
            body = cast("HTTPResponse", stream)  # a StreamingBody opens as the response beneath it
            self._check_size(answer.get("ContentLength", 0))  # a store may state none
            data = bytearray()
            while part := body.read1(CHUNK_BYTES):  # returns what has arrived, so a trickle meets the deadline
                data += part
                self._check_size(len(data))
                if self._clock() > deadline:
                    raise TimeoutError
        return StoredObject(bytes(data), answer.get("ETag", ""))

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise NoPictureError(f"the object has more than {self._max_bytes / 1024 / 1024:.0f} MiB")

    def _write(self, bucket: str, key: str, data: bytes) -> str | None:
        try:
            return self._client.put_object(Bucket=bucket, Key=key, Body=data).get("VersionId")
        except (ClientError, BotoCoreError, OSError) as error:
            raise NoPictureError(f"the store refused it: {_reason(error)}") from error


def upload_id(upload: ImageUploaded) -> UUID:
    """The id that everybody will use for it."""
    return image_id(upload.bucket, upload.key)


def _file_name(name: str) -> str:
    """The last part of a browser's file name, for use in a key: without path and NUL, at most NAME_CHARS."""
    last = name.replace("\\", "/").rpartition("/")[2].replace("\0", "")
    return last.encode("utf-8", "replace").decode()[:NAME_CHARS] or "picture"


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "refused"))
    return BROKEN if isinstance(error, HTTPError) else error_text(error)


def _client(settings: AwsSettings) -> "S3Client":
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=SILENCE_SECONDS,
        retries={"total_max_attempts": 1},
        max_pool_connections=READS_AT_ONCE + 4,
    )
    return boto3.client("s3", region_name=settings.aws_region, endpoint_url=settings.s3_endpoint, config=config)
