"""The identity of an object: its id, its URL and the order of its versions. Pure."""

import hashlib
import re
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

SEQUENCER_DIGITS: Final = 64
NO_SEQUENCER: Final = "0" * SEQUENCER_DIGITS

_HEX = re.compile(rf"[0-9A-Fa-f]{{1,{SEQUENCER_DIGITS}}}")


def image_url(bucket: str, key: str) -> str:
    """The object's URL. It is unambiguous, because bucket names contain no slash."""
    return f"s3://{bucket}/{key}"


def image_id(bucket: str, key: str) -> UUID:
    """The deterministic id of an object, in every event, row, log line and header."""
    return uuid5(NAMESPACE_URL, image_url(bucket, key))


def message_id(record: bytes) -> UUID:
    """The id of a message without an object, derived from its bytes, so that a repeated message is one rejection."""
    return uuid5(NAMESPACE_URL, f"sha256:{hashlib.sha256(record).hexdigest()}")


def pad_sequencer(sequencer: str | None) -> str:
    """
    The canonical form of a sequencer, which is stored and compared as text.

    S3 sends a hexadecimal string of varying length. Leading zeros are stripped, because EventBridge omits the ``00`` at
    the start of S3's own notifications. The rest is padded on the right with zeros to 64 upper-case digits. A missing
    sequencer (R2, backfill, inventory) becomes all zeros, so it never wins over a real one. The function is idempotent.

    Raises:
        ValueError: if it is not hexadecimal or longer than 64 digits.

    Source: Amazon S3 User Guide, "Event message structure": the shorter of two sequencers of one key is padded
    on the right, then they are compared as text. docs/decisions/0015.
    """
    if not sequencer:
        return NO_SEQUENCER
    if not _HEX.fullmatch(sequencer):
        raise ValueError(f"a sequencer is 1 to {SEQUENCER_DIGITS} hexadecimal digits, not {sequencer[:80]!r}")
    return right_padded(sequencer.upper())


def right_padded(sequencer: str) -> str:
    """``pad_sequencer`` without checks, for upper-case digits. Also converts those that were padded on the left."""
    return sequencer.lstrip("0").ljust(SEQUENCER_DIGITS, "0")
