"""
Reads the bytes of an object from S3: with obstore, at a fraction of boto3's cost; with boto3 what obstore cannot read.

Both readers share one table of verdicts (s3_errors.py): docs/decisions/0013.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import obstore
from obstore.store import S3Store

from streams.classify.boto3_reader import Boto3Reader
from streams.classify.object_store import PART_BYTES, Reading, StoredImage, check_length, check_size
from streams.classify.s3_errors import Refusal, fetch_error
from streams.notifications.etags import bare
from streams.notifications.upload import ImageUploaded
from streams.runtime.error_text import error_text

_INEXPRESSIBLE: Final = re.compile(r"^/|/$|//|(^|/)\.\.?(/|$)|[\x00-\x1f\x7f]|^$")
"""Keys that obstore refuses or alters (its paths have no empty, ``.`` or ``..`` segments and no control characters)."""

_REFUSED: Final = re.compile(
    r"Server returned non-2xx status code: (\d{3})(?:.*?<Code>([\w.]+)</Code>(?:\s*<Message>([^<]{,300}))?)?", re.DOTALL
)
_NO_ANSWER: Final = re.compile(r"HttpError \{\s*kind: (?:Connect|Timeout)\b")
"""Patterns of obstore's error text, which alone carries the status, the code and the kind."""

_NO_END: Final = timedelta(days=1)
"""
obstore's own time-out, from the request to the last byte, is 30 s, and includes the wait for capacity. Parked objects
get more time; read_timeout.py bounds each read.
"""

MOST_BUCKETS: Final = 64
"""Buckets whose obstore client is kept. A client takes 0.1 MiB, and a notification may name any bucket."""


class S3Images:
    """
    Reads objects of any bucket of one S3 endpoint.

    Args:
        make_client: makes a boto3 S3 client, for what obstore cannot express.
        store_options: keyword arguments of obstore's S3Store, without the bucket.
    """

    def __init__(self, make_client: Callable[[], Any], **store_options: Any) -> None:
        self._boto3 = Boto3Reader(make_client)
        client_options = {**store_options.get("client_options", {}), "timeout": _NO_END}
        self._options = {**store_options, "client_options": client_options}
        self._stores: OrderedDict[str, S3Store] = OrderedDict()  # most recently used last

    async def fetch(self, upload: ImageUploaded, max_bytes: int, reading: Reading) -> StoredImage:
        """
        The bytes of the uploaded version if the bucket is versioned, else of the object as it is now.

        It reserves capacity once the head of the response states the length: for the first part, and for all of it
        once that part has arrived. Without a stated length, it reserves ``max_bytes``. The size in the
        notification is not used.

        Raises:
            FetchError: the only error, whatever the store answers.
        """
        if not _INEXPRESSIBLE.search(upload.key):
            try:
                return await self._fetch(upload, max_bytes, reading)
            except (obstore.exceptions.BaseError, OSError, ValueError) as error:
                if (refusal := _refusal(error, upload.key)) is not None:
                    raise fetch_error(refusal) from error
        return await self._boto3.fetch(upload, max_bytes, reading)

    async def _fetch(self, upload: ImageUploaded, max_bytes: int, reading: Reading) -> StoredImage:
        options: obstore.GetOptions = {"version": upload.version_id} if upload.version_id else {}
        result = await obstore.get_async(self._store(upload.bucket), upload.key, options=options)
        stated = result.meta["size"]
        check_size(stated, max_bytes)
        await reading.reserve(min(stated, PART_BYTES))
        data = bytes(await result.bytes_async()) if stated <= PART_BYTES else await _in_parts(result, stated, reading)
        check_length(len(data), stated)
        metadata = {str(name): str(value) for name, value in result.attributes.items()}
        return StoredImage(data, metadata, bare(result.meta.get("e_tag")))

    def _store(self, bucket: str) -> S3Store:
        store = self._stores.pop(bucket, None) or S3Store(
            bucket,
            # Retries are in streams.runtime.retries: a library must not hide an outage for minutes.
            retry_config={"max_retries": 1, "retry_timeout": timedelta(seconds=5)},
            **self._options,
        )
        self._stores[bucket] = store
        if len(self._stores) > MOST_BUCKETS:
            self._stores.popitem(last=False)
        return store


async def _in_parts(result: "obstore.GetResult", stated: int, reading: Reading) -> bytes:
    """A body of more than one part."""
    parts: list[bytes] = []
    async for part in result.stream(min_chunk_size=PART_BYTES):
        reading.arrived()
        if not parts:
            await reading.reserve(stated)
        parts.append(part)
    return b"".join(parts)


def _refusal(error: Exception, key: str) -> Refusal | None:
    """The refusal in the text of obstore's error; None if the text has none, and boto3 has to ask again."""
    text = str(error)
    if key in text:
        text = text.partition(key)[2]  # the key precedes the answer, and may contain any text
    if found := _REFUSED.search(text):
        return Refusal(found[3] or "", int(found[1]), found[2])
    return Refusal(error_text(error)) if _NO_ANSWER.search(text) else None
