"""What a notification says: an object was written, nothing that concerns us, or nothing that can be read. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from streams.contracts.identity import image_id, image_url
from streams.notifications.event_names import SkipKind


@dataclass(frozen=True, slots=True)
class ImageUploaded:
    """
    One version of one object was written.

    ``sequencer`` is padded (identity.pad_sequencer); ``uploaded_at`` is aware, UTC; ``size_bytes`` is None where the
    dialect does not say.
    """

    bucket: str
    key: str
    uploaded_at: datetime
    sequencer: str
    version_id: str | None = None
    etag: str | None = None
    size_bytes: int | None = None

    @property
    def id(self) -> UUID:
        """The object's id."""
        return image_id(self.bucket, self.key)

    @property
    def url(self) -> str:
        """The object's URL."""
        return image_url(self.bucket, self.key)


@dataclass(frozen=True, slots=True)
class Skipped:
    """
    A notification that names no new object: s3:TestEvent, ObjectRemoved and the like. Counted and acknowledged.

    ``remedy`` says what a person has to do; None where nothing is to be done.
    """

    event: str
    kind: SkipKind = field(default="other", compare=False)
    remedy: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message, or one record of it, that does not say which object was written. It ends as a rejection."""

    detail: str
    record: bytes


Upload = ImageUploaded | Skipped | Malformed
