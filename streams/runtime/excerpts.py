"""
Cuts received messages that are too large to be published whole inside a rejection or a dead letter. Pure.

A compressed message may be many times larger than its topic allows once it is decompressed, and rejections and dead
letters carry it in base64. Such a message is cut to its beginning and gets the checksum of the whole, which is enough
to recognise it and to find the original.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from streams.contracts.topics import MAX_MESSAGE_BYTES, MAX_WRAPPED_BYTES

KEPT_BYTES: Final = 64 * 1024
"""Kept of a message that is cut. An S3 notification about one object has 1 KiB."""
UPLOAD_EVENT_MAX_BYTES: Final = MAX_MESSAGE_BYTES
"""Kept whole in a rejection up to this size. Base64 adds a third, and a dead letter adds a third again; its topic
allows twice as much."""
RESULT_MAX_BYTES: Final = (MAX_WRAPPED_BYTES - 64 * 1024) * 3 // 4
"""Kept whole in a dead letter up to this size. With base64 and 64 KiB for other fields it fits the topic's limit."""
TEXT_CHARS: Final = 2000
"""Limit for an explanation, which may quote the message."""
HINT_CHARS: Final = 1024
"""Limit for an etag or a version id. S3's version ids have at most 1,024 bytes, its etags at most 64 characters."""

_MARK: Final = re.compile(r" \[upload event cut to [\d,]+ of [\d,]+ bytes, sha256 [0-9a-f]{64}\]\Z")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """``data`` is the message or its beginning. If cut, ``sha256`` is that of the whole in hexadecimal, else None."""

    data: bytes
    whole_bytes: int
    sha256: str | None = None

    @property
    def is_cut(self) -> bool:
        """Whether the message was cut."""
        return self.sha256 is not None

    @property
    def mark(self) -> str:
        """Suffix of a rejection's detail, because the table has no column for it. Empty if the message was not cut."""
        if self.sha256 is None:
            return ""
        return f" [upload event cut to {len(self.data):,} of {self.whole_bytes:,} bytes, sha256 {self.sha256}]"


def excerpt(whole: bytes, max_bytes: int) -> Excerpt:
    """The whole message if it has at most ``max_bytes``, else its first ``KEPT_BYTES``."""
    if len(whole) <= max_bytes:
        return Excerpt(whole, len(whole))
    return Excerpt(whole[:KEPT_BYTES], len(whole), hashlib.sha256(whole).hexdigest())


def is_marked(detail: str) -> bool:
    """Whether a rejection's detail carries the mark of a cut upload event."""
    return _MARK.search(detail) is not None
