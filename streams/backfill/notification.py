"""
Our own dialect, of topic image-uploads-bulk: an event about an object that is there already. Pure; uploads.py reads it.

It has the shape of S3's, with ``eventSource`` = ``petstream:…`` and the key form-encoded. It names no version: what the
bucket has now is classified, whatever was overwritten or removed in between.
"""

from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote_plus

import msgspec

from streams.backfill.comparison import uploaded_at
from streams.backfill.listing import Listed
from streams.contracts.identity import NO_SEQUENCER, right_padded

if TYPE_CHECKING:
    from persistence.versions import StoredVersion

Source = Literal["backfill", "reconcile"]

_encoder: Final = msgspec.json.Encoder()


def notification(source: Source, bucket: str, listed: Listed, stored: "StoredVersion | None" = None) -> bytes:
    """
    The message about one listed object.

    ``stored`` is the newest outcome of it, where one is known: its sequencer is copied, so that the version order holds
    (see comparison.uploaded_at). Without it the event has none, and loses to everything that came from a notification.
    """
    described: dict[str, object] = {"key": quote_plus(listed.key, safe="/"), "size": listed.size_bytes}
    if listed.etag is not None:
        described["eTag"] = listed.etag
    if stored is not None and stored.sequencer != NO_SEQUENCER:
        # All digits: a classifier of before, that pads on the left, takes them as they are.
        described["sequencer"] = right_padded(stored.sequencer)
    record = {
        "eventVersion": "2.1",
        "eventSource": f"petstream:{source}",
        "eventTime": uploaded_at(listed, stored),
        "eventName": "ObjectCreated:Listed",
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": bucket}, "object": described},
    }
    return _encoder.encode({"Records": [record]})


def message_key(bucket: str, listed: Listed) -> bytes:
    """The Kafka key, the same as that of the object's notifications: its events keep their order."""
    return f"{bucket}/{listed.key}".encode()
