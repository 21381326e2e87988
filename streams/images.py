"""
Step 3 of 7. The bytes of an object from the store, or why there are none.

obstore does the reading (a fraction of boto3's cost per object). It cannot name every key that S3 allows: it refuses
``a//b`` and ``../x``, and it reads ``/x`` as ``x``, another object. Such keys go through boto3.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Protocol

import obstore
from botocore.exceptions import BotoCoreError, ClientError
from obstore.store import S3Store

from streams.uploads import ImageUploaded

_UNTOLD: Final = re.compile(r"^/|/$|//|(^|/)\.\.?(/|$)|[\x00-\x1f\x7f]")
"""Keys that obstore refuses or alters (its paths have no empty, ``.`` or ``..`` segments and no control characters)."""

_CODE: Final = re.compile(r"<Code>(\w+)</Code>")

CREDENTIAL_CODES: Final = frozenset(
    {
        "AccountProblem",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "NoSuchBucket",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
    }
)
"""Refusals that say nothing of the object but of credentials, clock or bucket. Source: S3 API, "Error responses"."""


@dataclass(frozen=True, slots=True)
class StoredImage:
    """What the store gave: the bytes, the metadata that the uploader set, and the etag of what was really read."""

    data: bytes
    metadata: Mapping[str, str]
    etag: str | None


class FetchError(Exception):
    """No bytes. The three kinds below say whose fault it is."""


class ObjectMissingError(FetchError):
    """The store answers, and has no such object (or not this version of it)."""


class ObjectForbiddenError(FetchError):
    """The store answers, and does not let us read this object. Whether only this one, the caller has to find out."""


class ObjectTooLargeError(FetchError):
    """The object has more bytes than are read."""


class StoreUnavailableError(FetchError):
    """The store's fault or ours, never the picture's: throttling, 5xx, time-outs, credentials, a wrong bucket."""


class ImageStore(Protocol):
    """Where pictures come from."""

    async def fetch(self, upload: ImageUploaded, max_bytes: int) -> StoredImage:
        """The object's bytes; raises a FetchError."""


class S3Images:
    """
    Reads objects of any bucket of one S3 endpoint.

    Args:
        client: a boto3 S3 client, for the keys that obstore cannot name.
        store_options: keyword arguments of obstore's S3Store, without the bucket.
    """

    def __init__(self, client: Any, **store_options: Any) -> None:
        self._client = client
        self._options = store_options
        self._stores: dict[str, S3Store] = {}

    async def fetch(self, upload: ImageUploaded, max_bytes: int) -> StoredImage:
        """
        The bytes of the uploaded version, where the bucket has versions; else of what the object is now.

        Raises:
            ObjectMissingError, ObjectForbiddenError, ObjectTooLargeError, StoreUnavailableError
        """
        if _UNTOLD.search(upload.key):
            return await asyncio.to_thread(self._fetch_with_boto3, upload, max_bytes)
        options: obstore.GetOptions = {"version": upload.version_id} if upload.version_id else {}
        try:
            result = await obstore.get_async(self._store(upload.bucket), upload.key, options=options)
            _check_size(result.meta["size"], max_bytes)
            data = bytes(await result.bytes_async())
        except FileNotFoundError as error:
            raise _refused(error, _CODE.search(str(error)), ObjectMissingError) from error
        except obstore.exceptions.PermissionDeniedError as error:
            raise _refused(error, _CODE.search(str(error)), ObjectForbiddenError) from error
        except obstore.exceptions.BaseError as error:
            if _says_no_version(str(error)):
                raise ObjectMissingError(_brief(error)) from error
            raise StoreUnavailableError(_brief(error)) from error
        except (OSError, TimeoutError) as error:
            raise StoreUnavailableError(_brief(error)) from error
        metadata = {str(name): str(value) for name, value in result.attributes.items()}
        return StoredImage(data, metadata, (result.meta.get("e_tag") or "").strip('"') or None)

    def _store(self, bucket: str) -> S3Store:
        if bucket not in self._stores:
            self._stores[bucket] = S3Store(
                bucket,
                # Retrying is ours (streams.retries): an outage must be seen, not hidden for minutes in a library.
                retry_config={"max_retries": 1, "retry_timeout": timedelta(seconds=5)},
                **self._options,
            )
        return self._stores[bucket]

    def _fetch_with_boto3(self, upload: ImageUploaded, max_bytes: int) -> StoredImage:
        version = {"VersionId": upload.version_id} if upload.version_id else {}
        try:
            answer = self._client.get_object(Bucket=upload.bucket, Key=upload.key, **version)
            _check_size(answer["ContentLength"], max_bytes)
            data = answer["Body"].read()
        except ClientError as error:
            code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
            if code not in CREDENTIAL_CODES and (status == 404 or _says_no_version(code)):  # noqa: PLR2004 - HTTP's number
                raise ObjectMissingError(str(error)) from error
            if code not in CREDENTIAL_CODES and status == 403:  # noqa: PLR2004 - HTTP's number
                raise ObjectForbiddenError(str(error)) from error
            raise StoreUnavailableError(str(error)) from error
        except (BotoCoreError, OSError) as error:
            raise StoreUnavailableError(_brief(error)) from error
        return StoredImage(data, answer["Metadata"], answer["ETag"].strip('"'))


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise ObjectTooLargeError(f"the object has {size:,} bytes; {max_bytes:,} are allowed")


def _refused(error: Exception, code: re.Match[str] | None, kind: type[FetchError]) -> FetchError:
    outage = code is not None and code[1] in CREDENTIAL_CODES
    return (StoreUnavailableError if outage else kind)(_brief(error))


def _says_no_version(text: str) -> bool:
    """A version that never existed answers 400, not 404: the id is not even well-formed for the bucket."""
    return "NoSuchVersion" in text or ("InvalidArgument" in text and "version" in text.lower())


def _brief(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"
