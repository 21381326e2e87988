"""
Reads objects with boto3: keys that obstore cannot express, and errors that it does not explain.

boto3 blocks, so each read runs in a thread. If a read is given up, the side that holds the body closes it.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from streams.classify.object_store import PART_BYTES, Reading, StoredImage, check_length, check_size
from streams.classify.s3_errors import ObjectUnreadableError, Refusal, fetch_error
from streams.notifications.etags import bare
from streams.notifications.upload import ImageUploaded
from streams.runtime.error_text import error_text

_INVALID: Final = (ParamValidationError, ValueError, LookupError)
"""Raised by boto3 for keys that cannot be sent, and for responses with an invalid number or date."""

_INCOMPLETE: Final = (BotoCoreError, OSError, RecursionError)
"""Raised by boto3 when no complete response arrives; RecursionError, when redirects form a loop."""

BOTO3_THREADS: Final = 32
"""A read that was given up keeps its thread until the store responds or boto3 times out; other reads need theirs."""


class Boto3Reader:
    """
    ``make_client`` makes a boto3 S3 client with its retries disabled: they are in streams.runtime.retries.

    It is called at the first read: a client takes 14 MiB, and most workers never need it.
    """

    def __init__(self, make_client: Callable[[], Any]) -> None:
        self._make_client = make_client
        self._client: Any = None
        self._making = threading.Lock()  # boto3's default session is not thread-safe
        self._threads = ThreadPoolExecutor(BOTO3_THREADS, "boto3")

    async def fetch(self, upload: ImageUploaded, max_bytes: int, reading: Reading) -> StoredImage:
        """As ``ImageStore.fetch``."""
        opening = self._threads.submit(self._open, upload)
        try:
            response = await asyncio.wrap_future(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_unread)
            raise
        finally:
            del opening  # breaks a reference cycle: its exception's traceback holds this frame
        body, stated, given_up = response["Body"], response.get("ContentLength"), threading.Event()
        loop = asyncio.get_running_loop()

        def arrived() -> None:
            if not given_up.is_set():
                reading.arrived()

        whole: Future[bytes] | None = None
        try:
            check_size(stated or 0, max_bytes)
            await reading.reserve(max_bytes if stated is None else stated)
            whole = self._threads.submit(
                _read, body, max_bytes + 1, given_up, partial(loop.call_soon_threadsafe, arrived)
            )
            data = await asyncio.wrap_future(whole)
        except BaseException:
            given_up.set()
            if whole is None or whole.cancel():  # a thread that has begun closes the body itself
                body.close()
            raise
        finally:
            whole = None
        check_size(len(data), max_bytes)
        check_length(len(data), stated)
        metadata = {name.lower(): _text(value) for name, value in response["Metadata"].items()}
        return StoredImage(data, metadata, bare(response.get("ETag")), is_length_stated=stated is not None)

    def _open(self, upload: ImageUploaded) -> Any:
        """boto3's response with the body unread. Runs in a thread."""
        version = {"VersionId": upload.version_id} if upload.version_id else {}
        with self._making:
            if self._client is None:
                self._client = self._make_client()
        with _boto3_errors():
            return self._client.get_object(Bucket=upload.bucket, Key=upload.key, **version)


def _close_unread(opening: "Future[Any]") -> None:
    """Close a body that arrived after the read was given up: an open body holds its connection."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result()["Body"].close()


def _read(body: Any, most_bytes: int, given_up: threading.Event, arrived: Callable[[], object]) -> bytes:
    """The first ``most_bytes`` of a body, fewer if the read is given up. Runs in a thread; only it closes the body."""
    parts: list[bytes] = []
    with _boto3_errors(), closing(body):
        while not given_up.is_set() and (part := body.read(min(most_bytes, PART_BYTES))):
            arrived()
            parts.append(part)
            most_bytes -= len(part)
    return b"".join(parts)


@contextmanager
def _boto3_errors() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise fetch_error(_refusal(error.response)) from error
    except _INVALID as error:
        raise ObjectUnreadableError(error_text(error)) from error
    except _INCOMPLETE as error:
        raise fetch_error(Refusal(error_text(error))) from error


def _refusal(response: Mapping[str, Any]) -> Refusal:
    """The refusal in boto3's error response. If the store sent no error code, boto3 puts the HTTP status there."""
    status, code = response["ResponseMetadata"]["HTTPStatusCode"], response["Error"].get("Code", "")
    return Refusal(response["Error"].get("Message", ""), status, None if code.isdigit() else code or None)


def _text(header: str) -> str:
    """A header's value as UTF-8 if its bytes are valid UTF-8, else as Latin-1, as http.client decodes all headers."""
    try:
        return header.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return header
