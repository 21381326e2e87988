"""
Bytes that came, as far as what we publish can carry them. Pure.

A compressed message may be many times as large unpacked as its topic takes, and what we say of it carries it in base64.
Then only its beginning travels, with the checksum of the whole: enough to see what it was, and to find it again.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from streams.contracts.topics import MAX_MESSAGE_BYTES, MAX_WRAPPED_BYTES

KEPT_BYTES: Final = 64 * 1024
"""Of what does not fit. A notification of S3 about one object has 1 KiB."""
UPLOAD_EVENT_MAX_BYTES: Final = MAX_MESSAGE_BYTES
"""Carried whole in a rejection: in base64 a third longer, and again in a dead letter, which takes twice as much."""
RESULT_MAX_BYTES: Final = (MAX_WRAPPED_BYTES - 64 * 1024) * 3 // 4
"""Carried whole in a dead letter: with base64 and 64 KiB for its other fields, as much as its topic takes."""
TEXT_CHARS: Final = 2000
"""Of an explanation. It may quote what came."""
HINT_CHARS: Final = 1024
"""Of an etag or a version id. S3's version ids have at most 1,024 bytes, etags 64 characters at most."""

_MARK: Final = re.compile(r" \[upload event cut to [\d,]+ of [\d,]+ bytes, sha256 [0-9a-f]{64}\]\Z")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """``data`` is the whole, or its beginning: then ``sha256`` is that of the whole, in hexadecimal, else None."""

    data: bytes
    whole_bytes: int
    sha256: str | None = None

    @property
    def is_cut(self) -> bool:
        """Whether something is missing."""
        return self.sha256 is not None

    @property
    def mark(self) -> str:
        """What the detail of a rejection ends with, as the table has no other place for it. Empty if nothing is cut."""
        if self.sha256 is None:
            return ""
        return f" [upload event cut to {len(self.data):,} of {self.whole_bytes:,} bytes, sha256 {self.sha256}]"


def excerpt(whole: bytes, max_bytes: int) -> Excerpt:
    """The whole if it has at most ``max_bytes``, else its first ``KEPT_BYTES``."""
    if len(whole) <= max_bytes:
        return Excerpt(whole, len(whole))
    return Excerpt(whole[:KEPT_BYTES], len(whole), hashlib.sha256(whole).hexdigest())


def is_marked(detail: str) -> bool:
    """Whether a rejection's detail says that its upload event was cut."""
    return _MARK.search(detail) is not None
