"""The object store, as the use case needs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from streams.classify.s3_errors import ObjectTooLargeError, StoreUnavailableError
from streams.notifications.upload import ImageUploaded

PART_BYTES: Final = 1024 * 1024
"""The bytes of one part. A store that stops within the first part has not reserved capacity for the whole object."""


class Reading(Protocol):
    """The reader's side of a fetch: grants capacity, and follows the progress."""

    async def reserve(self, size_bytes: int) -> None:
        """Return once ``size_bytes`` in total may be read."""

    def arrived(self) -> None:
        """Note that a part of the object has arrived."""


class Unlimited:
    """A ``Reading`` without limits."""

    async def reserve(self, size_bytes: int) -> None:
        """Return at once."""

    def arrived(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class StoredImage:
    """
    A store's response: the bytes, the metadata that the uploader set, and what the headers state about the bytes.

    Attributes:
        data: as many bytes as the response stated, if it stated a length.
        metadata: names in lower case, without ``x-amz-meta-``.
        etag: of the bytes that were read, bare (etags.py); None if the response has none.
        is_length_stated: whether the response stated its length.
    """

    data: bytes
    metadata: Mapping[str, str]
    etag: str | None
    is_length_stated: bool = True

    @property
    def looks_like_s3(self) -> bool:
        """
        Whether the response looks like S3's: it states etag and length, as GetObject always does.

        Without them the bytes may be a proxy's page in place of the object. Then a failure to decode them proves
        nothing about the object.
        """
        return self.etag is not None and self.is_length_stated


class ImageStore(Protocol):
    """A source of pictures."""

    async def fetch(self, upload: ImageUploaded, max_bytes: int, reading: Reading) -> StoredImage:
        """The object's bytes; reserves capacity with ``reading`` once their number is known. Raises a FetchError."""


def check_size(size: int, max_bytes: int) -> None:
    """Raises ObjectTooLargeError."""
    if size > max_bytes:
        raise ObjectTooLargeError(f"the object has {size:,} bytes; {max_bytes:,} are allowed")


def check_length(read: int, stated: int | None) -> None:
    """Raises StoreUnavailableError if the number of bytes read differs from the length that the response states."""
    if stated is not None and read != stated:
        raise StoreUnavailableError(f"the response states {stated:,} bytes and has {read:,}")
