"""What a notification's record means: an upload, a skipped event, or a malformed one. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from streams.contracts.identity import image_id, image_url
from streams.notifications.event_names import SkipKind


@dataclass(frozen=True, slots=True)
class ImageUploaded:
    """
    One version of one object was written.

    ``sequencer`` is padded (identity.pad_sequencer); ``uploaded_at`` is aware, UTC; ``size_bytes`` is None if the event
    does not state it.
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
    A notification of no new object, such as s3:TestEvent or ObjectRemoved. Counted and acknowledged.

    ``remedy`` says what a person has to do; None if nothing.
    """

    event: str
    kind: SkipKind = field(default="other", compare=False)
    remedy: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message, or one of its records, that does not say which object was written. It becomes a rejection."""

    detail: str
    record: bytes


Upload = ImageUploaded | Skipped | Malformed
