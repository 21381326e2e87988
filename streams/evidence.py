"""
A failure: this object's fault, or ours? Only evidence decides. Pure.

A 403 may mean one object's own policy, or credentials that expired for every object. An object is given up only if
another one of the same bucket can be read at that time: then the credentials are good. Until then it is an outage,
whatever the code says, and nothing is rejected. The same goes for an answer of 200 whose bytes cannot be the object's:
an error page of whatever stands in front of the store.
"""

from dataclasses import dataclass

from streams.images import StoredImage
from streams.uploads import ImageUploaded


@dataclass(frozen=True, slots=True)
class Witness:
    """An object that could be read, and what it was then."""

    upload: ImageUploaded
    size_bytes: int
    etag: str | None

    def is_confirmed_by(self, stored: StoredImage) -> bool:
        """Whether it reads now as it did then."""
        return (len(stored.data), stored.etag) == (self.size_bytes, self.etag)


class Evidence:
    """Remembers, by bucket, the last object that was read: a refusal asks for it."""

    def __init__(self) -> None:
        self._last: dict[str, Witness] = {}

    def read(self, upload: ImageUploaded, stored: StoredImage) -> None:
        """An object was read."""
        self._last[upload.bucket] = Witness(upload, len(stored.data), stored.etag)

    def witness(self, refused: ImageUploaded) -> Witness | None:
        """Another object of the bucket that could be read before; whether it still can tells whose fault it is."""
        last = self._last.get(refused.bucket)
        return last if last is not None and _version(last.upload) != _version(refused) else None


def _version(upload: ImageUploaded) -> tuple[str, str | None, str]:
    """Two versions of a key are two objects to the store; without ids their sequencers tell them apart."""
    return upload.key, upload.version_id, upload.sequencer


def contradicts(upload: ImageUploaded, stored: StoredImage) -> bool:
    """
    Whether these cannot be the bytes that the event speaks of: another size, though not of another version.

    Without a version id an object may have been overwritten since: then its etag is another, too, and all is well.
    """
    if upload.size_bytes is None or upload.size_bytes == len(stored.data):
        return False
    return upload.version_id is not None or stored.etag is None or stored.etag == upload.etag


def proves(upload: ImageUploaded, stored: StoredImage) -> bool:
    """Whether these are surely the bytes that were uploaded: size and etag are those of the event."""
    return upload.size_bytes == len(stored.data) and upload.etag is not None and upload.etag == stored.etag
