"""
Our own event about an existing object, for topic image-uploads-bulk. Pure; uploads.py parses it.

It has the structure of an S3 event, with ``eventSource`` = ``petstream:…`` and a form-encoded key. It has no version
id: the current version of the object is classified, even if it was overwritten or removed since the listing.
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
    Build the message about one listed object.

    ``stored`` is its newest outcome, if known. Its sequencer is copied to keep the version order (see
    comparison.uploaded_at). Without ``stored`` the event has no sequencer and loses to every real notification.
    """
    described: dict[str, object] = {"key": quote_plus(listed.key, safe="/"), "size": listed.size_bytes}
    if listed.etag is not None:
        described["eTag"] = listed.etag
    if stored is not None and stored.sequencer != NO_SEQUENCER:
        # All 64 digits: an older classifier, which pads on the left, leaves them unchanged.
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
    """The Kafka key. The object's notifications have the same key, so its events keep their order."""
    return f"{bucket}/{listed.key}".encode()
