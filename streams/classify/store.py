"""What the use case asks of an object store, and what it gets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from streams.classify.verdicts import ObjectTooLargeError, StoreUnavailableError
from streams.notifications.upload import ImageUploaded

PART_BYTES: Final = 1024 * 1024
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


def check_size(size: int, max_bytes: int) -> None:
    """Raises ObjectTooLargeError."""
    if size > max_bytes:
        raise ObjectTooLargeError(f"the object has {size:,} bytes; {max_bytes:,} are allowed")


def check_length(read: int, stated: int | None) -> None:
    """Raises StoreUnavailableError if the bytes that were read are not as many as the response states."""
    if stated is not None and read != stated:
        raise StoreUnavailableError(f"the response states {stated:,} bytes and has {read:,}")


def brief(error: BaseException) -> str:
    """An exception in one line, without ends."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"
