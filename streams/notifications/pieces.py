"""
One message that names many objects, taken apart: a piece is a notification that names one of them. Pure.

What is said of one object carries its piece, not the whole message: a message of a thousand records would otherwise
travel a thousand times.
"""

from typing import Final
from urllib.parse import quote_plus

import msgspec

from streams.contracts.identity import NO_SEQUENCER
from streams.notifications.upload import ImageUploaded, Malformed, parse

MAX_RECORDS: Final = 100
"""Of one message, worked on where they came in. The records of a larger one are parked: they would hold others up."""

_encoder: Final = msgspec.json.Encoder()


def piece(upload: ImageUploaded | Malformed) -> bytes:
    """A message of which ``uploads.parse`` makes just this upload."""
    if isinstance(upload, Malformed):
        wrapped = b'{"Records":[' + upload.record + b"]}"
        return wrapped if parse(wrapped) == [upload] else upload.record
    described = {
        "key": quote_plus(upload.key, safe="/"),
        "size": upload.size_bytes,
        "eTag": upload.etag,
        "versionId": upload.version_id,
        "sequencer": None if upload.sequencer == NO_SEQUENCER else upload.sequencer,
    }
    record = {
        "eventVersion": "2.1",
        "eventSource": "petstream:piece",
        "eventTime": upload.uploaded_at,
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": upload.bucket},
            "object": {name: value for name, value in described.items() if value is not None},
        },
    }
    return _encoder.encode({"Records": [record]})
