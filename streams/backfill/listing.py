"""
Lists the objects of a bucket in key order, page by page.

Uses boto3 on a thread, because obstore cannot represent every key that S3 allows (see images.py). botocore requests
form-encoded keys and decodes them, so that keys with characters that XML cannot hold arrive intact.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NoReturn, Self

from botocore import exceptions
from botocore.parsers import ResponseParserError

from streams.notifications.etags import bare
from streams.runtime.error_text import error_text
from streams.runtime.errors import MISUSED, MendableError
from streams.runtime.outages import Outages
from streams.runtime.retries import until_available

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef, ListObjectsV2RequestTypeDef, ObjectTypeDef

PAGE_KEYS: Final = 500
"""Maximum number of objects in a page: one statement looks them up, and a killed run repeats them."""

_UNREACHED: Final = (
    exceptions.ConnectionError,
    exceptions.HTTPClientError,
    exceptions.CredentialRetrievalError,
    ResponseParserError,  # a truncated response
)
_THROTTLED: Final = frozenset(
    {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "RequestTimeout"}
)
_SERVER_ERROR: Final = 500
_FORBIDDEN: Final = 403


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket, or a prefix in it; ``prefix`` is compared with the keys as they are."""

    bucket: str
    prefix: str = ""

    @classmethod
    def from_text(cls, text: str) -> Self:
        """
        Parse ``s3://bucket`` or ``s3://bucket/prefix`` without decoding.

        Raises:
            ValueError: if it is neither, or not valid UTF-8.
        """
        scheme, separator, rest = text.partition("://")
        bucket, _, prefix = rest.partition("/")
        if scheme != "s3" or not separator or not bucket:
            raise ValueError(f"A bucket is named as s3://bucket or s3://bucket/prefix, not as {text!r}.")
        if text != text.encode(errors="ignore").decode():
            raise ValueError(f"{text!r} is not valid UTF-8, and keys are.")
        return cls(bucket, prefix)

    def __str__(self) -> str:
        """The text that ``from_text`` parses."""
        return f"s3://{self.bucket}/{self.prefix}"


@dataclass(frozen=True, slots=True)
class Listed:
    """
    One object of a listing.

    ``last_modified`` is aware, UTC. On Amazon S3 it has whole seconds, and for a multipart upload it is the time when
    the upload *began*. ``etag`` has no quotes (etags.py).
    """

    key: str
    last_modified: datetime
    size_bytes: int
    etag: str | None = None
    storage_class: str | None = None


class ListingRefused(MendableError):  # noqa: N818 - the name says what happened
    """The store refuses to list: no such bucket, no permission, no key order. Retrying does not help."""

    exit_code = MISUSED


class ListingUnavailable(Exception):  # noqa: N818 - the name says what happened
    """The store cannot list at the moment: throttling, 5xx or a network error."""


class Listing:
    """The objects of one place. Waits while the store is unavailable, then continues with the failed page."""

    def __init__(self, client: "S3Client", place: Place, outages: Outages) -> None:
        self._client = client
        self._place = place
        self._outages = outages

    async def look(self) -> None:
        """List one object to check that the store answers. Raises ListingRefused."""
        await self._list({"Bucket": self._place.bucket, "Prefix": self._place.prefix, "MaxKeys": 1})

    async def pages(self, *, after: str | None = None, page_keys: int = PAGE_KEYS) -> AsyncIterator[tuple[Listed, ...]]:
        """
        The objects with keys after ``after``, ordered by the UTF-8 bytes of the key. No page is empty.

        Raises:
            ListingRefused: the message names the remedy.
        """
        token = None
        while True:
            request: ListObjectsV2RequestTypeDef = {
                "Bucket": self._place.bucket,
                "Prefix": self._place.prefix,
                "MaxKeys": page_keys,
            }
            if token is not None:
                request["ContinuationToken"] = token
            elif after is not None:
                request["StartAfter"] = after
            answer = await self._list(request)
            page = tuple(_listed(each) for each in answer.get("Contents", ()))
            for each in page:
                self._check_order(after, each.key)
                after = each.key
            if page:
                yield page
            if not answer.get("IsTruncated"):
                return
            token = answer.get("NextContinuationToken")

    def _check_order(self, before: str | None, key: str) -> None:
        # A run that resumes after a key would silently skip objects of an unordered listing.
        if before is not None and key.encode() <= before.encode():
            raise ListingRefused(
                f"The store does not list {self._place.bucket} in the order of its keys, so that no run could go on "
                "where another ended",
                "use a bucket that does (on Amazon S3, a general purpose one).",
            )

    async def _list(self, request: "ListObjectsV2RequestTypeDef") -> "ListObjectsV2OutputTypeDef":
        return await until_available(
            lambda: asyncio.to_thread(self._list_once, request),
            on=ListingUnavailable,
            component="object_store",
            outages=self._outages,
        )

    def _list_once(self, request: "ListObjectsV2RequestTypeDef") -> "ListObjectsV2OutputTypeDef":
        try:
            return self._client.list_objects_v2(**request)
        except exceptions.ClientError as error:
            self._refused(error)
        except _UNREACHED as error:
            raise ListingUnavailable(error_text(error)) from error
        except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
            raise ListingRefused(
                "No AWS credentials found",
                "give the process a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
            ) from error
        except exceptions.BotoCoreError as error:
            raise ListingRefused(f"Bucket {self._place.bucket} cannot be listed: {error_text(error)}.") from error

    def _refused(self, error: exceptions.ClientError) -> NoReturn:
        code = error.response["Error"]["Code"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        bucket = self._place.bucket
        if status >= _SERVER_ERROR or code in _THROTTLED:
            raise ListingUnavailable(f"{code} ({status})") from error
        if code == "NoSuchBucket":
            raise ListingRefused(
                f"There is no bucket {bucket}", "look at its name, at AWS_REGION and at S3_ENDPOINT_URL."
            ) from error
        if status == _FORBIDDEN:
            raise ListingRefused(
                f"Bucket {bucket} may not be listed ({code})",
                "look at the credentials, they need s3:ListBucket on it.",
            ) from error
        raise ListingRefused(f"Bucket {bucket} cannot be listed: {error_text(error)}.") from error


def _listed(each: "ObjectTypeDef") -> Listed:
    return Listed(
        key=each["Key"],
        last_modified=each["LastModified"].astimezone(UTC),
        size_bytes=each["Size"],
        etag=bare(each.get("ETag")),
        storage_class=each.get("StorageClass"),
    )
