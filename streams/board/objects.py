"""
Reads pictures for the page, up to a size limit. In the demo it also uploads pictures.

It uses boto3, which is slower than obstore: people open pictures one page at a time, the board's installation has no
obstore, and boto3 can express every key.
"""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from streams.board.media_types import HEAD_BYTES, media_type
from streams.contracts.identity import NO_SEQUENCER, image_id
from streams.notifications.upload import ImageUploaded
from streams.runtime.settings import AwsSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

READS_AT_ONCE: Final = 6
READS_WAITING_MAX: Final = 60
"""The pictures of one page, which the browser requests together."""
NAME_CHARS: Final = 120
UPLOADER: Final = "you"
"""The user name of the page's uploads."""


class NoPictureError(Exception):
    """The picture cannot be shown. The message says why, for people, and names no credentials."""

    status = 404


class TooBusyError(NoPictureError):
    """READS_WAITING_MAX reads are pending."""

    status = 503


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture that a browser can show."""

    data: bytes
    media_type: str


class PictureStore:
    """
    Reads objects of one S3 endpoint, and writes them in the demo.

    Args:
        settings: Region and endpoint.
        max_bytes: Larger objects are not read.
    """

    def __init__(self, settings: AwsSettings, *, max_bytes: int) -> None:
        self._client = _client(settings)
        self._max_bytes = max_bytes
        self._reading = asyncio.Semaphore(READS_AT_ONCE)
        self._waiting = 0

    async def picture(self, bucket: str, key: str, version_id: str | None) -> Shown:
        """
        The bytes of an object, if a browser can show them.

        Raises:
            NoPictureError: the object is missing, forbidden, too large, or in no format that a browser shows.
        """
        if self._waiting >= READS_WAITING_MAX:
            raise TooBusyError("too many pictures are being read; try again")
        self._waiting += 1
        try:
            async with self._reading:
                data = await asyncio.to_thread(self._read, bucket, key, version_id)
        finally:
            self._waiting -= 1
        kind = media_type(data[:HEAD_BYTES])
        if kind is None:
            raise NoPictureError("browsers do not show this format")
        return Shown(data, kind)

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

    def _read(self, bucket: str, key: str, version_id: str | None) -> bytes:
        version = {"VersionId": version_id} if version_id else {}
        try:
            answer = self._client.get_object(Bucket=bucket, Key=key, **version)  # type: ignore[arg-type] # mypy: **
            with answer["Body"] as body:
                if answer["ContentLength"] > self._max_bytes:
                    raise NoPictureError(
                        f"the object has {answer['ContentLength']:,} bytes; at most {self._max_bytes:,} are shown"
                    )
                return body.read()
        except (ClientError, BotoCoreError, OSError) as error:
            raise NoPictureError(f"the store did not return it: {_reason(error)}") from error

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
    return type(error).__name__


def _client(settings: AwsSettings) -> "S3Client":
    config = Config(
        connect_timeout=3, read_timeout=15, retries={"total_max_attempts": 1}, max_pool_connections=READS_AT_ONCE + 4
    )
    return boto3.client("s3", region_name=settings.aws_region, endpoint_url=settings.s3_endpoint, config=config)
