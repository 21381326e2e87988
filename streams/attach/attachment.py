"""Names of what attach makes. They follow from bucket and prefix, so that a second run finds them. Pure."""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self

from streams.attach.errors import AttachRefused

CHECKED_TAG: Final = "petstream-checked"
"""Tag of the queue: when a test object's notification arrived, RFC 3339."""
TEST_FOLDER: Final = "petstream-attach-check/"
"""Test objects are below it: empty objects whose keys end in a slash, which count as folders and are not classified."""
_OWNER_TAG: Final = "petstream-attach"
_BUCKET: Final = re.compile(r"[A-Za-z0-9._-]{3,63}")
_PREFIX: Final = re.compile(r"[A-Za-z0-9/._-]{0,150}")
"""
S3 takes other characters in a filter only percent-encoded, and a tag of SQS has at most 256 characters.

Source: Amazon S3 user guide, "Configuring event notifications using object key name filtering".
"""
_NAMED_CHARS: Final = 40
"""Characters of the bucket's name in the queue's: with the rest 80, the most that SQS allows."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A bucket and the prefix below which its objects are announced."""

    bucket: str
    prefix: str

    @classmethod
    def of(cls, bucket: str, prefix: str) -> Self:
        """
        The attachment of a bucket.

        Raises:
            AttachRefused: for a name that cannot be a bucket's, or a prefix that S3 would have encoded.
        """
        if not _BUCKET.fullmatch(bucket):
            raise AttachRefused(f"{bucket!r} is not the name of a bucket", "name it as s3://bucket.")
        if not _PREFIX.fullmatch(prefix):
            raise AttachRefused(
                f"The prefix {prefix!r} has more than 150 characters, or others than letters, digits and / . _ -",
                f"attach what is before them: --prefix {_PREFIX.findall(prefix)[0]!r}.",
            )
        return cls(bucket, prefix)

    @property
    def name(self) -> str:
        """The queue's name, which is also the notification's id."""
        digest = sha256(str(self).encode()).hexdigest()[:8]
        return f"petstream-{self.bucket.replace('.', '-')[:_NAMED_CHARS]}-{digest}-uploads"

    @property
    def dead_letters_name(self) -> str:
        """The dead-letter queue's name."""
        return f"{self.name}-dead-letters"

    @property
    def tags(self) -> dict[str, str]:
        """Tags of both queues. A queue without them was not made by attach."""
        return {"application": "petstream", _OWNER_TAG: str(self)}

    def __str__(self) -> str:
        """As ``petstream backfill`` takes it."""
        return f"s3://{self.bucket}/{self.prefix}"
