"""
Parses a notification of topic image-uploads, in any S3 dialect, into uploads. Pure.

The dialects, and how each writes the object's key:

===========================  =====================================================  ==================================
dialect                      recognised by                                          key
===========================  =====================================================  ==================================
Amazon S3                    ``Records[].eventSource`` = ``aws:s3``                 form-encoded (``a b`` is ``a+b``)
Amazon EventBridge           ``detail-type`` with ``detail``                        as it is
MinIO, RustFS                ``eventSource`` = ``minio:s3``, ``rustfs:s3``, …       form-encoded; ``Key`` confirms it
Ceph RGW                     ``eventSource`` = ``ceph:s3``                          as it is
Scality                      ``eventSource`` = ``scality:s3``                       as it is
VersityGW                    ``s3.bucket.arn`` with the request's path              as it is, in the ARN
Cloudflare R2                ``action`` with ``bucket``                             as it is
Google Cloud Storage         ``attributes`` or ``eventType`` of Pub/Sub; ``kind``   as it is
ours (backfill, reconcile)   ``eventSource`` = ``petstream:…``                      form-encoded
===========================  =====================================================  ==================================

Decoding the key ``a+b.jpg`` of a dialect that does not encode would give another object's key.

Any of them may be wrapped, also repeatedly: by SNS (``Message``) or a push of Pub/Sub (``message``), or as records of
SQS (``Records[].body``) or SNS (``Records[].Sns``) that a Lambda function forwards.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from streams.contracts.decode_errors import decode_error_text
from streams.notifications import dialects, gcs
from streams.notifications.dialects import BAD, NOTHING, Time
from streams.notifications.event_names import skip_kind
from streams.notifications.record import ImageUploaded, Malformed, Skipped, Upload

__all__ = ["MAX_WRAPPINGS", "ImageUploaded", "Malformed", "Skipped", "Upload", "parse", "partition_key"]

MAX_WRAPPINGS: Final = 5
"""EventBridge to SNS to SQS to Lambda are three."""


class _Record(msgspec.Struct, rename="camel"):
    """A record in S3's format, or a record of SQS or SNS that contains a notification."""

    event_name: str | None = None
    event_source: str = "aws:s3"
    event_time: Time = None
    s3: msgspec.Raw = NOTHING
    body: msgspec.Raw = NOTHING
    sns: msgspec.Raw = msgspec.field(name="Sns", default=NOTHING)


class _Envelope(msgspec.Struct, rename={"detail_type": "detail-type"}):
    """The outermost object of every dialect; the fields present tell which."""

    records: list[msgspec.Raw] | None = msgspec.field(name="Records", default=None)
    event: str | None = msgspec.field(name="Event", default=None)
    sns_type: str | None = msgspec.field(name="Type", default=None)
    sns_message: msgspec.Raw = msgspec.field(name="Message", default=NOTHING)
    sns_topic: Any = msgspec.field(name="TopicArn", default=None)
    minio_key: str | None = msgspec.field(name="Key", default=None)
    detail_type: str | None = None
    source: Any = None
    time: Time = None
    detail: msgspec.Raw = NOTHING
    action: Any = None
    bucket: Any = None
    body: msgspec.Raw = NOTHING
    kind: Any = None
    attributes: msgspec.Raw = NOTHING
    data: Any = None
    message: msgspec.Raw = NOTHING
    event_type: Any = msgspec.field(name="eventType", default=None)


_envelope: Final = msgspec.json.Decoder(_Envelope)
_record: Final = msgspec.json.Decoder(_Record)
_text: Final = msgspec.json.Decoder(str)
_any: Final = msgspec.json.Decoder()


def parse(message: bytes) -> list[Upload]:
    """
    The uploads in one message of topic image-uploads, in its order. Raises for no bytes.

    A record that cannot be read becomes a Malformed; the other records are not affected.
    """
    return _parse(message, quoted=message, wrappings=0)


def partition_key(uploads: Sequence[Upload]) -> bytes | None:
    """The Kafka key of a message: ``bucket/key`` of its first object, None if it names none."""
    for upload in uploads:
        if isinstance(upload, ImageUploaded):
            return f"{upload.bucket}/{upload.key}".encode()
    return None


def _parse(text: bytes, *, quoted: bytes, wrappings: int) -> list[Upload]:
    """``quoted`` is what a rejection quotes: the message, or the record that wraps ``text``."""
    if wrappings > MAX_WRAPPINGS:
        return [Malformed(f"not an S3 notification: wrapped more than {MAX_WRAPPINGS} times", quoted)]
    try:
        envelope = _envelope.decode(text)
        wrapped = _wrapped(envelope)
    except BAD as error:
        return [Malformed(f"not an S3 notification: {_why(error)}", quoted)]
    if wrapped is not None:
        return _parse(wrapped, quoted=quoted, wrappings=wrappings + 1)
    if envelope.records is not None:
        found: list[Upload] = []
        for raw in envelope.records:
            found += _parse_record(bytes(raw), envelope.minio_key, wrappings)
        return found or [Skipped("no records")]
    try:
        return [_parse_event(envelope, text)]
    except BAD as error:
        return [Malformed(_why(error), quoted)]


def _parse_event(envelope: _Envelope, text: bytes) -> Upload:
    if envelope.sns_type in {"SubscriptionConfirmation", "UnsubscribeConfirmation"}:
        return Skipped(f"sns:{envelope.sns_type}", "subscription", _subscribe(envelope.sns_type, envelope.sns_topic))
    if envelope.event is not None:
        return Skipped(envelope.event, skip_kind(envelope.event) or "other")
    if envelope.detail_type is not None:
        return dialects.event_bridge(envelope.source, envelope.detail_type, envelope.time, envelope.detail)
    if isinstance(envelope.action, str) and isinstance(envelope.bucket, str):
        return dialects.r2(envelope.action, text)
    return _parse_gcs_event(envelope, text)


def _parse_gcs_event(envelope: _Envelope, text: bytes) -> Upload:
    if envelope.attributes != NOTHING:
        return gcs.notification(bytes(envelope.attributes), envelope.data)
    if envelope.event_type is not None:  # Kafka Connect puts the attributes beside the data
        return gcs.notification(text, _any.decode(envelope.message))
    if envelope.kind == gcs.KIND:
        return gcs.resource(text)
    raise ValueError("not a store's notification: see the table of dialects in docs/notifications.md")


def _parse_record(raw: bytes, minio_key: str | None, wrappings: int) -> list[Upload]:
    try:
        record = _record.decode(raw)
        if record.event_name is not None:
            return [dialects.s3_record(record.event_name, record.event_source, record.event_time, record.s3, minio_key)]
        inner = record.sns if record.sns != NOTHING else record.body
        if inner == NOTHING:
            raise ValueError("the record has no eventName")
        return _parse(_unquoted(inner), quoted=raw, wrappings=wrappings + 1)
    except BAD as error:
        return [Malformed(_why(error), raw)]


def _why(error: Exception) -> str:
    if isinstance(error, msgspec.DecodeError):
        return decode_error_text(error)
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return "it is not valid UTF-8" if isinstance(error, UnicodeError) else str(error)


def _wrapped(envelope: _Envelope) -> bytes | None:
    """The notification inside one of SNS, a bare message of SQS or a push of Pub/Sub; None if there is none."""
    if envelope.records is not None:
        return None
    if envelope.sns_type in {None, "Notification"} and envelope.sns_message != NOTHING:
        return _unquoted(envelope.sns_message)
    if envelope.body != NOTHING:
        return _unquoted(envelope.body)
    others = (envelope.sns_type, envelope.event, envelope.detail_type, envelope.action, envelope.event_type)
    is_push = envelope.message != NOTHING and all(other is None for other in others)  # of Pub/Sub, which says no more
    return _unquoted(envelope.message) if is_push else None


def _unquoted(json: msgspec.Raw) -> bytes:
    """The JSON inside a JSON string, as SNS and SQS write it; or JSON that was decoded on the way."""
    raw = bytes(json)
    return _text.decode(raw).encode() if raw.startswith(b'"') else raw


def _subscribe(sns_type: str, topic: object) -> str:
    named = topic[:300] if isinstance(topic, str) and topic.startswith("arn:") else "a topic"
    happened = "waits for a confirmation" if sns_type == "SubscriptionConfirmation" else "was ended"
    return (
        f"The subscription to {named} {happened}: no events arrive. Subscribe again as the queue's owner "
        "(aws sns subscribe --protocol sqs), which needs no confirmation. The link in the message is not followed."
    )
