"""
Reads one event of each S3 dialect. Pure. upload.py has the table of dialects, and unwraps messages.

Each function raises one of ``BAD`` if the event does not say which object was written.
"""

import re
from typing import Any, Final
from urllib.parse import unquote_plus

import msgspec

from streams.contracts.identity import pad_sequencer
from streams.notifications.etags import bare
from streams.notifications.event_names import event_bridge_skip_kind, r2_skip_kind, skip_kind
from streams.notifications.event_times import event_time
from streams.notifications.folders import is_folder
from streams.notifications.record import ImageUploaded, Skipped

BAD: Final = (ValueError, OverflowError, RecursionError)
"""ValueError includes msgspec.DecodeError and ValidationError, invalid UTF-8, times and sequencers."""
MAX_BUCKET_CHARS: Final = 255
"""63 today; old buckets of us-east-1 up to 255. Source: Amazon S3 User Guide, "General purpose bucket naming rules"."""
MAX_VERSION_ID_CHARS: Final = 1024
"""Source: Amazon S3 User Guide, "How S3 Versioning works"."""
MAX_KEY_BYTES: Final = 1024
"""Source: Amazon S3 User Guide, "Naming Amazon S3 objects"."""
NOTHING: Final = msgspec.Raw(b"null")
Time = str | int | float | None

_CEPH_CLOCK: Final = re.compile(r"[0-9A-Fa-f]{16}")
_COUNTER: Final = re.compile(r"[0-9A-Fa-f]{1,16}")
_FORM_ENCODED: Final = re.compile(r"(?:[!-$&-~]|%[0-9A-Fa-f]{2})*")
"""Printable ASCII without blanks, in which a percent sign begins an escape."""
_REQUEST_PATH: Final = re.compile(r"arn:aws:s3:::/([^/]+)/(.+)", re.DOTALL)
"""The bucket's ARN as VersityGW writes it: with the path of the request, key included."""


class _Bucket(msgspec.Struct):
    name: str
    arn: Any = None


class S3Object(msgspec.Struct, rename={"etag": "eTag", "version_id": "versionId"}):
    """What an event states about its object."""

    key: str
    size: Any = None
    etag: str | None = None
    version_id: str | None = None
    sequencer: str | None = None


class _S3Entity(msgspec.Struct):
    bucket: _Bucket
    object: S3Object


class _EventBridgeObject(msgspec.Struct, rename={"version_id": "version-id"}):
    key: str
    size: Any = None
    etag: str | None = None
    version_id: str | None = None
    sequencer: str | None = None


class _EventBridgeDetail(msgspec.Struct):
    bucket: _Bucket
    object: _EventBridgeObject


class _R2Event(msgspec.Struct, rename="camel"):
    bucket: str
    object: S3Object
    event_time: Time = None


_s3: Final = msgspec.json.Decoder(_S3Entity)
_detail: Final = msgspec.json.Decoder(_EventBridgeDetail)
_r2: Final = msgspec.json.Decoder(_R2Event)


def s3_record(
    event_name: str, event_source: str, time: Time, s3: msgspec.Raw, minio_key: str | None
) -> ImageUploaded | Skipped:
    """One record in S3's format; ``minio_key`` is the ``Key`` that MinIO and RustFS write beside the records."""
    if kind := skip_kind(event_name):
        return Skipped(event_name, kind)
    entity = _s3.decode(s3)
    bucket, key = entity.bucket.name, entity.object.key
    arn = entity.bucket.arn
    if isinstance(arn, str) and (path := _REQUEST_PATH.fullmatch(arn)):
        # Under load, bucket and key beside it may be those of another request: it reuses their memory.
        bucket, key = path.groups()
        entity.object.sequencer = _of_versity(entity.object.sequencer, time)
    elif event_source.startswith("ceph:"):
        entity.object.sequencer = _of_ceph(entity.object.sequencer)
    elif _is_form_encoded(event_source, key) and minio_key != f"{bucket}/{key}":
        key = unquote_plus(key, errors="strict")
    return uploaded(bucket, key, time, entity.object, event_name)


def event_bridge(source: object, detail_type: str, time: Time, detail: msgspec.Raw) -> ImageUploaded | Skipped:
    """One event of Amazon EventBridge; without a source it counts as S3's."""
    if source is not None and source != "aws.s3":
        return Skipped(f"{source}: {detail_type}", "other_source")
    if kind := event_bridge_skip_kind(detail_type):
        return Skipped(detail_type, kind)
    event = _detail.decode(detail)
    return uploaded(event.bucket.name, event.object.key, time, event.object, detail_type)


def r2(action: str, text: bytes) -> ImageUploaded | Skipped:
    """One event of Cloudflare R2, whose JSON is ``text``."""
    if kind := r2_skip_kind(action):
        return Skipped(action, kind)
    event = _r2.decode(text)
    return uploaded(event.bucket, event.object.key, event.event_time, event.object, action)


def _is_form_encoded(event_source: str, key: str) -> bool:
    """
    Whether the key may be form-encoded.

    Scality writes it as it is, and other stores may, too. A key with a blank, a character beyond ASCII, or a percent
    sign that begins no escape shows that.
    Source: scality/backbeat, extensions/notification/utils/message.js.
    """
    return not event_source.startswith("scality:") and _FORM_ENCODED.fullmatch(key) is not None


def _of_versity(counter: str | None, time: Time) -> str | None:
    """
    VersityGW's sequencer as the second of the event, followed by the counter.

    VersityGW counts the events of a process, from 1 after each start, in hexadecimal digits without leading zeros.
    Source: versity/versitygw, s3event/kafka.go, genSequencer.
    """
    if counter is None or not _COUNTER.fullmatch(counter):
        return counter
    return f"{max(0, int(event_time(time).timestamp())):08X}{counter:0>16}"


def _of_ceph(sequencer: str | None) -> str | None:
    """
    Ceph's sequencer as big-endian digits, which sort by time.

    Ceph writes its clock little-endian: 4 bytes of seconds, then 4 of nanoseconds.
    Source: ceph/ceph, src/rgw/driver/rados/rgw_notify.cc, populate_event.
    """
    if sequencer is None or not _CEPH_CLOCK.fullmatch(sequencer):
        return sequencer
    clock = bytes.fromhex(sequencer)
    return (clock[3::-1] + clock[:3:-1]).hex()


def uploaded(
    bucket: str, key: str, time: Time, described: S3Object | _EventBridgeObject, event: str
) -> ImageUploaded | Skipped:
    """The upload that an event describes, or Skipped for a folder; ``key`` is decoded."""
    if not bucket or not key:
        raise ValueError("the record names no bucket or no key")
    if "/" in bucket:
        raise ValueError(
            "the bucket's name contains a slash, which no store allows: it would name another bucket's object"
        )
    if len(key.encode()) > MAX_KEY_BYTES:
        raise ValueError(f"the key has {len(key.encode()):,} bytes; S3 allows {MAX_KEY_BYTES:,}")
    if len(bucket) > MAX_BUCKET_CHARS or len(described.version_id or "") > MAX_VERSION_ID_CHARS:
        raise ValueError("the bucket's name or the version id is longer than any store allows")
    if any("\0" in (text or "") for text in (bucket, described.version_id, described.etag)):
        raise ValueError("the bucket's name, the version id or the etag contains a NUL, which no store allows")
    size = _size(described.size)
    if is_folder(key, size):
        return Skipped(event, "folder")
    return ImageUploaded(
        bucket=bucket,
        key=key,
        uploaded_at=event_time(time),
        sequencer=pad_sequencer(described.sequencer),
        # Ceph writes "" for "no version"; MinIO and S3 write "null" for an object older than versioning.
        version_id=described.version_id or None,
        etag=bare(described.etag),
        size_bytes=size,
    )


def _size(stated: object) -> int | None:
    """The size in bytes; None if it is invalid. It is only a hint, so an event is not refused for it."""
    return stated if isinstance(stated, int) and not isinstance(stated, bool) and stated >= 0 else None
