"""
Reads events of Google Cloud Storage, as Pub/Sub delivers them. Pure. upload.py unwraps messages.

A notification has attributes, which say what happened to which object, and as its data the object's resource in the
JSON API. Kafka Connect's source forwards the resource alone, with ``kafka.record.headers``, or both in one object.
Source: Google Cloud, "Pub/Sub notifications for Cloud Storage"; "Objects" of the JSON API;
googleapis/java-pubsub-group-kafka-connector, CloudPubSubSourceTask.java.
"""

import base64
import binascii
import re
from typing import Any, Final

import msgspec

from streams.notifications.dialects import S3Object, Time, uploaded
from streams.notifications.event_names import SkipKind
from streams.notifications.record import ImageUploaded, Skipped

FINALIZE: Final = "OBJECT_FINALIZE"
KIND: Final = "storage#object"
_SKIPPED: Final[dict[str, SkipKind]] = {
    "OBJECT_DELETE": "removed",
    "OBJECT_ARCHIVE": "removed",
    "OBJECT_METADATA_UPDATE": "metadata",
}
_NUMBER: Final = re.compile(r"[0-9]{1,19}")
"""What an unsigned number of 63 bits has at most."""


class _Attributes(msgspec.Struct, rename="camel"):
    event_type: str
    bucket_id: str
    object_id: str
    event_time: Time = None
    object_generation: str | None = None


class _Resource(msgspec.Struct, rename="camel"):
    bucket: str
    name: str
    generation: str | None = None
    metageneration: str | None = None
    size: Any = None
    time_created: Time = None
    time_deleted: Time = None


_attributes: Final = msgspec.json.Decoder(_Attributes)
_resource: Final = msgspec.json.Decoder(_Resource)


def notification(attributes: bytes, data: object) -> ImageUploaded | Skipped:
    """One message of Pub/Sub; ``data`` is the object's resource in base64, if it is a text that is not empty."""
    told = _attributes.decode(attributes)
    if told.event_type != FINALIZE:
        return Skipped(told.event_type, _SKIPPED.get(told.event_type, "other"))
    if isinstance(data, str) and data:
        return resource(_decoded(data))
    described = S3Object(told.object_id, sequencer=_hexadecimal(told.object_generation))
    return uploaded(told.bucket_id, told.object_id, told.event_time, described, FINALIZE)


def resource(text: bytes) -> ImageUploaded | Skipped:
    """One object's resource, which does not say what happened: a deletion may look like an upload."""
    found = _resource.decode(text)
    if found.time_deleted is not None:
        return Skipped(KIND, "removed")
    if found.metageneration not in {None, "1"}:
        return Skipped(KIND, "metadata")
    size = int(found.size) if isinstance(found.size, str) and _NUMBER.fullmatch(found.size) else found.size
    described = S3Object(found.name, size=size, sequencer=_hexadecimal(found.generation))
    return uploaded(found.bucket, found.name, found.time_created, described, KIND)


def _decoded(data: str) -> bytes:
    try:
        return base64.b64decode(data.encode(), validate=True)
    except binascii.Error as error:
        raise ValueError("the field data is not base64") from error


def _hexadecimal(generation: str | None) -> str | None:
    """
    The generation as a sequencer.

    It is a decimal number that grows with each write of a name. So far it is the time in microseconds since 1970, of 13
    hexadecimal digits, which sort by time.
    """
    if generation is None:
        return None
    if not _NUMBER.fullmatch(generation):
        raise ValueError(f"the generation {generation[:80]!r} is not a number of up to 19 digits")
    return f"{int(generation):X}"
