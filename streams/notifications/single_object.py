"""
Splits a notification that names many objects into notifications of one object each. Pure.

Rejections and retries carry the notification of their object only. Otherwise a message of a thousand records would be
published a thousand times.
"""

from typing import Final
from urllib.parse import quote_plus

import msgspec

from streams.contracts.identity import NO_SEQUENCER
from streams.notifications.upload import ImageUploaded, Malformed, parse

MAX_RECORDS: Final = 100
"""
Most records of a message that are processed at once. The records of a larger one are parked, so that they hold up no
others.
"""

_encoder: Final = msgspec.json.Encoder()


def single_object_notification(upload: ImageUploaded | Malformed) -> bytes:
    """A message that ``upload.parse`` reads as exactly this upload."""
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
