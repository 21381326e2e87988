"""
Objects, for the page: one picture's bytes, bounded; and in the demo, a picture put where uploaders put theirs.

boto3 and not obstore, although it costs more: pages ask for pictures at the pace of people, and the reader's
installation has no obstore. It can name every key.
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

from streams.board.kinds import HEAD_BYTES, media_type
from streams.contracts.identity import NO_SEQUENCER, image_id
from streams.notifications.upload import ImageUploaded
from streams.runtime.settings import AwsSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

READS_AT_ONCE: Final = 6
READS_WAITING_MAX: Final = 60
"""One page's pictures, all asked for at once."""
NAME_CHARS: Final = 120
UPLOADER: Final = "you"
"""Whose pictures those are that the page uploads."""


class NoPictureError(Exception):
    """There is nothing to show; the message says why, in words for people, and names no credentials."""

    status = 404


class TooBusyError(NoPictureError):
    """So many pictures are being read that this one would wait too long."""

    status = 503


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture as a browser may have it."""

    data: bytes
    media_type: str


class PictureStore:
    """
    Reads and, where the demo wants it, writes objects of one S3 endpoint.

    Args:
        settings: Where it is.
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
            NoPictureError: it is away, not ours to read, too large, or nothing that a browser shows.
        """
        if self._waiting >= READS_WAITING_MAX:
            raise TooBusyError("too many pictures are being read at the moment")
        self._waiting += 1
        try:
            async with self._reading:
                data = await asyncio.to_thread(self._read, bucket, key, version_id)
        finally:
            self._waiting -= 1
        kind = media_type(data[:HEAD_BYTES])
        if kind is None:
            raise NoPictureError("this is no picture that a browser shows")
        return Shown(data, kind)

    async def put(self, bucket: str, name: str, data: bytes) -> ImageUploaded:
        """
        Put a picture below ``uploads/you/`` under a name of its own: what is there already is never overwritten.

        Raises:
            NoPictureError: the store did not take it.
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
                    raise NoPictureError(f"it has {answer['ContentLength']:,} bytes; {self._max_bytes:,} are shown")
                return body.read()
        except (ClientError, BotoCoreError, OSError) as error:
            raise NoPictureError(f"the store gave nothing: {_reason(error)}") from error

    def _write(self, bucket: str, key: str, data: bytes) -> str | None:
        try:
            return self._client.put_object(Bucket=bucket, Key=key, Body=data).get("VersionId")
        except (ClientError, BotoCoreError, OSError) as error:
            raise NoPictureError(f"the store did not take it: {_reason(error)}") from error


def upload_id(upload: ImageUploaded) -> UUID:
    """The id that everybody will use for it."""
    return image_id(upload.bucket, upload.key)


def _file_name(name: str) -> str:
    """The last part of what a browser calls a file, as a part of a key: any text, but neither path nor NUL."""
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
