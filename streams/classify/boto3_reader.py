"""
Reads objects with boto3: those that obstore cannot express, and answers that it does not understand.

boto3 blocks. Each read has a thread, and a body that nobody wants any more is closed by whoever has it.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from streams.classify.store import PART_BYTES, Reading, StoredImage, brief, check_length, check_size
from streams.classify.verdicts import ObjectUnreadableError, Refusal, verdict
from streams.notifications.etags import bare
from streams.notifications.upload import ImageUploaded

_NONSENSE: Final = (ParamValidationError, ValueError, LookupError)
"""What boto3 raises on keys that cannot be sent, and on answers of which a number or a date is none."""

_BROKEN_OFF: Final = (BotoCoreError, OSError, RecursionError)
"""What boto3 raises where no whole answer comes; RecursionError, where it is redirected in a circle."""

BOTO3_THREADS: Final = 32
"""A read that was given up keeps its thread until the store says something, or boto3's time-out: others need theirs."""


class Boto3Reader:
    """``client`` is a boto3 S3 client, without retries of its own: retrying is ours (streams.runtime.retries)."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._threads = ThreadPoolExecutor(BOTO3_THREADS, "boto3")

    async def fetch(self, upload: ImageUploaded, max_bytes: int, reading: Reading) -> StoredImage:
        """As ``ImageStore.fetch``."""
        opening = self._threads.submit(self._open, upload)
        try:
            answer = await asyncio.wrap_future(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_unread)
            raise
        finally:
            del opening  # it and the exception, whose traceback has this frame, would keep each other
        body, stated, given_up = answer["Body"], answer.get("ContentLength"), threading.Event()
        loop = asyncio.get_running_loop()

        def arrived() -> None:
            if not given_up.is_set():
                reading.arrived()

        whole: Future[bytes] | None = None
        try:
            check_size(stated or 0, max_bytes)
            await reading.room(max_bytes if stated is None else stated)
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
        metadata = {name.lower(): _text(value) for name, value in answer["Metadata"].items()}
        return StoredImage(data, metadata, bare(answer.get("ETag")), is_length_stated=stated is not None)

    def _open(self, upload: ImageUploaded) -> Any:
        """boto3's answer, with its body unread. Runs in a thread."""
        version = {"VersionId": upload.version_id} if upload.version_id else {}
        with _boto3_errors():
            return self._client.get_object(Bucket=upload.bucket, Key=upload.key, **version)


def _close_unread(opening: "Future[Any]") -> None:
    """Close what came after nobody wanted it any more: a connection is kept by its body."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result()["Body"].close()


def _read(body: Any, most_bytes: int, given_up: threading.Event, arrived: Callable[[], object]) -> bytes:
    """The first ``most_bytes`` of a body, or less once nobody wants them. Runs in a thread, and alone may close it."""
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
        raise verdict(_said(error.response)) from error
    except _NONSENSE as error:
        raise ObjectUnreadableError(brief(error)) from error
    except _BROKEN_OFF as error:
        raise verdict(Refusal(brief(error))) from error


def _said(response: Mapping[str, Any]) -> Refusal:
    """The same of boto3's error. Where the answer has no code, boto3 puts the status there."""
    status, code = response["ResponseMetadata"]["HTTPStatusCode"], response["Error"].get("Code", "")
    return Refusal(response["Error"].get("Message", ""), status, None if code.isdigit() else code or None)


def _text(header: str) -> str:
    """A header's value as UTF-8 if its bytes are that, else as Latin-1, which is how http.client reads all headers."""
    try:
        return header.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return header
