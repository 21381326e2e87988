"""
Step 1 of 7. Topic image-uploads: the notification of any S3 dialect becomes the uploads that it names. Pure.

The dialects, and how each writes the object's key:

===========================  =====================================================  ==================================
dialect                      recognised by                                          key
===========================  =====================================================  ==================================
Amazon S3 (also in SNS)      ``Records[].eventSource`` = ``aws:s3``                 form-encoded (``a b`` is ``a+b``)
Amazon EventBridge           ``detail-type`` with ``detail``                        as it is
MinIO, RustFS                ``eventSource`` = ``minio:s3``, ``rustfs:s3``, …       form-encoded; ``Key`` confirms it
Ceph RGW                     ``eventSource`` = ``ceph:s3``                          as it is
ours (backfill, reconcile)   ``eventSource`` = ``petstream:…``                      form-encoded
===========================  =====================================================  ==================================

A blanket decoding would turn the key ``a+b.jpg`` of a dialect that does not encode into another object's key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import unquote_plus
from uuid import UUID

import msgspec

from streams.identity import image_id, image_url, pad_sequencer

MAX_KEY_BYTES: Final = 1024
"""Source: Amazon S3 User Guide, "Naming Amazon S3 objects"."""
MAX_BUCKET_CHARS: Final = 255
"""63 today; old ones of us-east-1 up to 255. Source: Amazon S3 User Guide, "General purpose bucket naming rules"."""
MAX_VERSION_ID_CHARS: Final = 1024
"""Source: Amazon S3 User Guide, "How S3 Versioning works"."""


@dataclass(frozen=True, slots=True)
class ImageUploaded:
    """
    One version of one object was written.

    ``sequencer`` is padded (identity.pad_sequencer); ``uploaded_at`` is aware, UTC; ``size_bytes`` is None where the
    dialect does not say.
    """

    bucket: str
    key: str
    uploaded_at: datetime
    sequencer: str
    version_id: str | None = None
    etag: str | None = None
    size_bytes: int | None = None

    @property
    def id(self) -> UUID:
        """The object's id."""
        return image_id(self.bucket, self.key)

    @property
    def url(self) -> str:
        """The object's URL."""
        return image_url(self.bucket, self.key)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A notification that asks for nothing: s3:TestEvent, ObjectRemoved and the like. Counted and acknowledged."""

    event: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message, or one record of it, that does not say which object was written. It ends as a rejection."""

    detail: str
    record: bytes


Upload = ImageUploaded | Skipped | Malformed


class _Bucket(msgspec.Struct):
    name: str


class _S3Object(msgspec.Struct, rename={"etag": "eTag", "version_id": "versionId"}):
    key: str
    size: int | None = None
    etag: str | None = None
    version_id: str | None = None
    sequencer: str | None = None


class _S3Entity(msgspec.Struct):
    bucket: _Bucket
    object: _S3Object


class _Record(msgspec.Struct, rename="camel"):
    event_name: str
    event_source: str = "aws:s3"
    event_time: str | None = None
    s3: msgspec.Raw = msgspec.Raw(b"null")


class _EventBridgeObject(msgspec.Struct, rename={"version_id": "version-id"}):
    key: str
    size: int | None = None
    etag: str | None = None
    version_id: str | None = None
    sequencer: str | None = None


class _EventBridgeDetail(msgspec.Struct):
    bucket: _Bucket
    object: _EventBridgeObject


class _Envelope(msgspec.Struct, rename={"detail_type": "detail-type"}):
    """The outermost object of every dialect; what is absent tells them apart."""

    records: list[msgspec.Raw] | None = msgspec.field(name="Records", default=None)
    event: str | None = msgspec.field(name="Event", default=None)
    sns_type: str | None = msgspec.field(name="Type", default=None)
    sns_message: str | None = msgspec.field(name="Message", default=None)
    minio_key: str | None = msgspec.field(name="Key", default=None)
    detail_type: str | None = None
    time: str | int | float | None = None
    detail: msgspec.Raw = msgspec.Raw(b"null")


_envelope: Final = msgspec.json.Decoder(_Envelope)
_record: Final = msgspec.json.Decoder(_Record)
_s3: Final = msgspec.json.Decoder(_S3Entity)
_detail: Final = msgspec.json.Decoder(_EventBridgeDetail)

# ValueError covers msgspec.DecodeError and ValidationError, bad UTF-8, bad times and bad sequencers.
_BAD: Final = (ValueError, OverflowError, RecursionError)


def parse(message: bytes) -> list[Upload]:
    """
    The uploads that one message of topic image-uploads names, in its order. Never raises for any bytes.

    A record that cannot be read becomes a Malformed beside its good neighbours.
    """
    try:
        envelope = _envelope.decode(message)
        if envelope.sns_type == "Notification" and envelope.sns_message is not None:
            envelope = _envelope.decode(envelope.sns_message)
    except _BAD as error:
        return [Malformed(f"not an S3 notification: {error}", message)]
    if envelope.records is not None:
        return [_parse_record(bytes(record), envelope.minio_key) for record in envelope.records]
    if envelope.event is not None:
        return [Skipped(envelope.event)]
    if envelope.detail_type is not None:
        return [_parse_event_bridge(envelope, message)]
    return [Malformed("not an S3 notification: neither Records, nor Event, nor detail", message)]


def partition_key(uploads: Sequence[Upload]) -> bytes | None:
    """The Kafka key ``bucket/key`` of the first object that a message names; None if it names none."""
    for upload in uploads:
        if isinstance(upload, ImageUploaded):
            return f"{upload.bucket}/{upload.key}".encode()
    return None


def _parse_record(raw: bytes, minio_key: str | None) -> Upload:
    try:
        record = _record.decode(raw)
        if not record.event_name.removeprefix("s3:").startswith("ObjectCreated:"):
            return Skipped(record.event_name)
        entity = _s3.decode(record.s3)
        key = entity.object.key
        if not record.event_source.startswith("ceph:") and minio_key != f"{entity.bucket.name}/{key}":
            key = unquote_plus(key, errors="strict")
        return _uploaded(entity.bucket.name, key, record.event_time, entity.object)
    except _BAD as error:
        return Malformed(str(error), raw)


def _parse_event_bridge(envelope: _Envelope, message: bytes) -> Upload:
    if envelope.detail_type != "Object Created":
        return Skipped(str(envelope.detail_type))
    try:
        detail = _detail.decode(envelope.detail)
        return _uploaded(detail.bucket.name, detail.object.key, envelope.time, detail.object)
    except _BAD as error:
        return Malformed(str(error), message)


def _uploaded(
    bucket: str, key: str, time: str | float | None, described: _S3Object | _EventBridgeObject
) -> ImageUploaded:
    if not bucket or not key:
        raise ValueError("the record names no bucket or no key")
    if len(key.encode()) > MAX_KEY_BYTES:
        raise ValueError(f"the key has {len(key.encode()):,} bytes; S3 allows {MAX_KEY_BYTES:,}")
    if len(bucket) > MAX_BUCKET_CHARS or len(described.version_id or "") > MAX_VERSION_ID_CHARS:
        raise ValueError("the bucket's name or the version id is longer than any store's")
    if any("\0" in (text or "") for text in (bucket, described.version_id, described.etag)):
        raise ValueError("the bucket's name, the version id or the etag holds a NUL, which no store gives them")
    return ImageUploaded(
        bucket=bucket,
        key=key,
        uploaded_at=_utc(time),
        sequencer=pad_sequencer(described.sequencer),
        # Ceph writes "" for "no version"; MinIO and S3 write "null" for an object older than versioning.
        version_id=described.version_id or None,
        etag=(described.etag or "").strip('"') or None,
        size_bytes=described.size,
    )


def _utc(time: Any) -> datetime:
    if time is None:
        raise ValueError("the record has no event time")
    if isinstance(time, int | float):
        return datetime.fromtimestamp(time, UTC)
    moment = datetime.fromisoformat(time)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
