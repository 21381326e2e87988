"""What an object is called everywhere: one id, one URL, one order of its versions. Pure."""

import hashlib
import re
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

SEQUENCER_DIGITS: Final = 64
NO_SEQUENCER: Final = "0" * SEQUENCER_DIGITS

_HEX = re.compile(rf"[0-9A-Fa-f]{{1,{SEQUENCER_DIGITS}}}")


def image_url(bucket: str, key: str) -> str:
    """The object's URL; unambiguous, since a bucket's name has no slash."""
    return f"s3://{bucket}/{key}"


def image_id(bucket: str, key: str) -> UUID:
    """The same id for the same object in every event, row, log line and header, whoever computes it."""
    return uuid5(NAMESPACE_URL, image_url(bucket, key))


def message_id(record: bytes) -> UUID:
    """The id of what names no object: that of its bytes, so that the same message again is the same rejection."""
    return uuid5(NAMESPACE_URL, f"sha256:{hashlib.sha256(record).hexdigest()}")


def pad_sequencer(sequencer: str | None) -> str:
    """
    The sequencer in the one form in which sequencers are stored and compared as text.

    S3 gives a hex string of varying length. Leading zeros are stripped, since EventBridge leaves out the ``00`` that
    S3's own notifications begin with; then it is padded on the right with zeros to 64 upper-case digits. No sequencer
    (R2, backfill, inventory) is all zeros, so it never beats a real one. A padded sequencer stays as it is.

    Raises:
        ValueError: if it is not hexadecimal or longer than 64 digits.

    Source: Amazon S3 User Guide, "Event message structure": of two sequencers of one key the shorter one is padded on
    the right, then they are compared as text. docs/decisions/0015.
    """
    if not sequencer:
        return NO_SEQUENCER
    if not _HEX.fullmatch(sequencer):
        raise ValueError(f"a sequencer is 1 to {SEQUENCER_DIGITS} hexadecimal digits, not {sequencer[:80]!r}")
    return right_padded(sequencer.upper())


def right_padded(sequencer: str) -> str:
    """The same of upper-case digits, unchecked: also of what an earlier petstream padded on the left."""
    return sequencer.lstrip("0").ljust(SEQUENCER_DIGITS, "0")
