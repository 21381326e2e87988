"""
Step 3 of 7. The bytes of an object from the store, or why there are none.

Two ways of reading, one table of verdicts (verdicts.py). obstore reads nearly everything, at a fraction of boto3's
cost. boto3 reads what obstore cannot express: keys that it refuses or alters, and answers that it does not understand
(docs/decisions/0013).
"""

import asyncio
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final, Protocol

import obstore
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from obstore.store import S3Store

from streams.classify.verdicts import (
    FetchError,
    ObjectForbiddenError,
    ObjectMissingError,
    ObjectTooLargeError,
    ObjectUnreadableError,
    Refusal,
    StoreUnavailableError,
    verdict,
)
from streams.notifications.etags import bare
from streams.notifications.upload import ImageUploaded

__all__ = [
    "FetchError",
    "ImageStore",
    "ObjectForbiddenError",
    "ObjectMissingError",
    "ObjectTooLargeError",
    "ObjectUnreadableError",
    "S3Images",
    "StoreUnavailableError",
    "StoredImage",
]

_UNTOLD: Final = re.compile(r"^/|/$|//|(^|/)\.\.?(/|$)|[\x00-\x1f\x7f]|^$")
"""Keys that obstore refuses or alters (its paths have no empty, ``.`` or ``..`` segments and no control characters)."""

_REFUSED: Final = re.compile(
    r"Server returned non-2xx status code: (\d{3})(?:.*?<Code>([\w.]+)</Code>(?:\s*<Message>([^<]{,300}))?)?", re.DOTALL
)
_NO_ANSWER: Final = re.compile(r"HttpError \{\s*kind: (?:Connect|Timeout)\b")
"""What obstore's exceptions say: they carry no status, no code and no kind but in their text."""

_NONSENSE: Final = (ParamValidationError, ValueError, LookupError)
"""What boto3 raises on keys that cannot be sent, and on answers of which a number or a date is none."""

_BROKEN_OFF: Final = (BotoCoreError, OSError, RecursionError)
"""What boto3 raises where no whole answer comes; RecursionError, where it is redirected in a circle."""

BOTO3_THREADS: Final = 32
"""A read that was given up keeps its thread until the store says something, or boto3's time-out: others need theirs."""

MOST_BUCKETS: Final = 64
"""Of which a client of obstore's is kept. Each takes 0.1 MiB, and a notification may name any bucket."""

_PART_BYTES: Final = 1024 * 1024
"""Read at a time. A store that stops within the first has not taken the room of the whole."""


class Reading(Protocol):
    """Whoever reads: gives room, and is told that the object comes."""

    async def room(self, size_bytes: int) -> None:
        """Return once so many bytes in all may be read."""

    def arrived(self) -> None:
        """Some of the object has come."""


class Unlimited:
    """Room for whatever comes."""

    async def room(self, size_bytes: int) -> None:
        """Return at once."""

    def arrived(self) -> None:
        """Need not be told."""


@dataclass(frozen=True, slots=True)
class StoredImage:
    """
    What the store gave: the bytes, the metadata that the uploader set, and what the response says of the bytes.

    Attributes:
        data: as many bytes as the response stated, if it stated how many.
        metadata: names in lower case, without ``x-amz-meta-``.
        etag: of what was really read, bare (etags.py); None if the response has none.
        is_length_stated: whether the response said how long it is.
    """

    data: bytes
    metadata: Mapping[str, str]
    etag: str | None
    is_length_stated: bool = True

    @property
    def is_vouched_for(self) -> bool:
        """
        Whether the response looks like S3's: it states etag and length, as GetObject always does.

        Without them the bytes may be a proxy's page in the object's place. If no decoder takes them, that proves
        nothing about the object.
        """
        return self.etag is not None and self.is_length_stated


class ImageStore(Protocol):
    """Where pictures come from."""

    async def fetch(self, upload: ImageUploaded, max_bytes: int, reading: Reading) -> StoredImage:
        """The object's bytes, for which room is asked once their number is known; raises a FetchError."""


class S3Images:
    """
    Reads objects of any bucket of one S3 endpoint.

    Args:
        client: a boto3 S3 client, for what obstore cannot express.
        store_options: keyword arguments of obstore's S3Store, without the bucket.
    """

    def __init__(self, client: Any, **store_options: Any) -> None:
        self._client = client
        self._options = store_options
        self._stores: OrderedDict[str, S3Store] = OrderedDict()  # the one that was asked for last at the end
        self._threads = ThreadPoolExecutor(BOTO3_THREADS, "boto3")

    async def fetch(self, upload: ImageUploaded, max_bytes: int, reading: Reading) -> StoredImage:
        """
        The bytes of the uploaded version, where the bucket has versions; else of what the object is now.

        It waits for room once the head of the response states how many bytes will come: for those of the first part,
        and for all once that has come. Without a stated number, for ``max_bytes``. The notification's size plays no
        part.

        Raises:
            FetchError: whatever the store answers, and nothing else.
        """
        if not _UNTOLD.search(upload.key):
            try:
                return await self._fetch_with_obstore(upload, max_bytes, reading)
            except (obstore.exceptions.BaseError, OSError, ValueError) as error:
                if (refusal := _refusal(error, upload.key)) is not None:
                    raise verdict(refusal) from error
        return await self._fetch_with_boto3(upload, max_bytes, reading)

    async def _fetch_with_obstore(self, upload: ImageUploaded, max_bytes: int, reading: Reading) -> StoredImage:
        options: obstore.GetOptions = {"version": upload.version_id} if upload.version_id else {}
        result = await obstore.get_async(self._store(upload.bucket), upload.key, options=options)
        stated = result.meta["size"]
        _check_size(stated, max_bytes)
        await reading.room(min(stated, _PART_BYTES))
        data = bytes(await result.bytes_async()) if stated <= _PART_BYTES else await _in_parts(result, stated, reading)
        _check_length(len(data), stated)
        metadata = {str(name): str(value) for name, value in result.attributes.items()}
        return StoredImage(data, metadata, bare(result.meta.get("e_tag")))

    def _store(self, bucket: str) -> S3Store:
        store = self._stores.pop(bucket, None) or S3Store(
            bucket,
            # Retrying is ours (streams.runtime.retries): an outage must be seen, not hidden for minutes in a library.
            retry_config={"max_retries": 1, "retry_timeout": timedelta(seconds=5)},
            **self._options,
        )
        self._stores[bucket] = store
        if len(self._stores) > MOST_BUCKETS:
            self._stores.popitem(last=False)
        return store

    async def _fetch_with_boto3(self, upload: ImageUploaded, max_bytes: int, reading: Reading) -> StoredImage:
        opening = self._threads.submit(self._open_with_boto3, upload)
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
            _check_size(stated or 0, max_bytes)
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
        _check_size(len(data), max_bytes)
        _check_length(len(data), stated)
        metadata = {name.lower(): _text(value) for name, value in answer["Metadata"].items()}
        return StoredImage(data, metadata, bare(answer.get("ETag")), is_length_stated=stated is not None)

    def _open_with_boto3(self, upload: ImageUploaded) -> Any:
        """boto3's answer, with its body unread. Runs in a thread."""
        version = {"VersionId": upload.version_id} if upload.version_id else {}
        with _boto3_errors():
            return self._client.get_object(Bucket=upload.bucket, Key=upload.key, **version)


def _close_unread(opening: "Future[Any]") -> None:
    """Close what came after nobody wanted it any more: a connection is kept by its body."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result()["Body"].close()


async def _in_parts(result: "obstore.GetResult", stated: int, reading: Reading) -> bytes:
    """A body of more than one part."""
    parts: list[bytes] = []
    async for part in result.stream(min_chunk_size=_PART_BYTES):
        reading.arrived()
        if not parts:
            await reading.room(stated)
        parts.append(part)
    return b"".join(parts)


def _read(body: Any, most_bytes: int, given_up: threading.Event, arrived: Callable[[], object]) -> bytes:
    """The first ``most_bytes`` of a body, or less once nobody wants them. Runs in a thread, and alone may close it."""
    parts: list[bytes] = []
    with _boto3_errors(), closing(body):
        while not given_up.is_set() and (part := body.read(min(most_bytes, _PART_BYTES))):
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
        raise ObjectUnreadableError(_brief(error)) from error
    except _BROKEN_OFF as error:
        raise verdict(Refusal(_brief(error))) from error


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise ObjectTooLargeError(f"the object has {size:,} bytes; {max_bytes:,} are allowed")


def _check_length(read: int, stated: int | None) -> None:
    if stated is not None and read != stated:
        raise StoreUnavailableError(f"the response states {stated:,} bytes and has {read:,}")


def _refusal(error: Exception, key: str) -> Refusal | None:
    """What obstore was told, by its error's text; None if that does not say, and boto3 has to ask again."""
    text = str(error)
    if key in text:
        text = text.partition(key)[2]  # it stands before the answer, and may say anything
    if found := _REFUSED.search(text):
        return Refusal(found[3] or "", int(found[1]), found[2])
    return Refusal(_brief(error)) if _NO_ANSWER.search(text) else None


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


def _brief(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"
