"""
Messages that ended a process once, that were misread, or that held others up: each with what must come of it. Pure.

Those that name an object name one of the folder ``by-hand/``, of which the bucket tells nobody: only this message can
bring its outcome. How each ended: docs/decisions, and the tests of hostile messages.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from streams.contracts.identity import message_id
from tests import dialects

FOLDER: Final = "by-hand/"
NULL: Final[Any] = None
"""The client's types know no null, its protocol does."""
MALFORMED: Final = "malformed_event"

Notification = Callable[..., bytes]


@dataclass(frozen=True, slots=True)
class Hostile:
    """
    One message of the topic image-uploads.

    Attributes:
        keys: the objects that must exist, and get their outcomes by this message.
        malformed: what ends as a rejection by itself, since it names no object: the message, or a record of it.
        codec: of the batch; None leaves it as it is.
        headers: None in a value is Kafka's null.
        timestamp_ms: None is now.
        is_in_transaction: it is published and committed in one.
        has_odd_header_name: one that is no UTF-8.
    """

    name: str
    value: bytes
    keys: Sequence[str] = ()
    malformed: bytes | None = None
    codec: str | None = None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp_ms: int | None = None
    is_in_transaction: bool = False
    has_odd_header_name: bool = False


def messages(bucket: str, prefix: str) -> list[Hostile]:
    """All of them, for objects of one bucket whose keys begin with ``prefix``."""
    return [*_of_brokers(bucket, prefix), *_of_dialects(bucket, prefix), *_not_of_objects(bucket, prefix)]


def _of_brokers(bucket: str, prefix: str) -> list[Hostile]:
    """Good notifications whose batch, headers or time are odd."""

    def good(name: str, **more: Any) -> Hostile:
        key = f"{prefix}{name}.jpg"
        return Hostile(name, dialects.amazon(key, bucket, None), [key], **more)

    return [
        *(good(codec, codec=codec) for codec in ("gzip", "snappy", "lz4", "zstd")),
        good("null header", headers=[("traceparent", NULL)]),
        good(
            "odd headers", headers=[("traceparent", b"\xff"), ("traceparent", NULL), ("größe", b"\xc3\x28"), ("", b"")]
        ),
        good("odd header name", has_odd_header_name=True),
        good("ancient", timestamp_ms=-70_000_000_000_000),
        good("no time", timestamp_ms=-1),
        good("transaction", is_in_transaction=True),
    ]


def _of_dialects(bucket: str, prefix: str) -> list[Hostile]:
    """What stores and services write that people have, and times that no column holds."""

    def of(name: str, write: Callable[[str], bytes]) -> Hostile:
        key = f"{prefix}a+b {name}.jpg"
        return Hostile(name, write(key), [key])

    def at(time: str) -> Callable[[str], bytes]:
        return lambda key: dialects.body({"Records": [dialects.s3_record(_quoted(key), bucket, None, eventTime=time)]})

    found = [
        of(dialect.__name__, lambda key, write=dialect: write(key, bucket, None))  # type: ignore[misc]  # its default binds the loop's value
        for dialect in dialects.DIALECTS
    ]
    return [
        *found,
        of("r2", lambda key: dialects.r2(key, bucket)),
        of("sqs records", lambda key: _wrapped("body", dialects.amazon(key, bucket, None), eventSource="aws:sqs")),
        of("sns records", lambda key: _wrapped("Sns", {"Message": dialects.amazon(key, bucket, None).decode()})),
        of("year 1", at("0001-01-01T00:00:00Z")),
        of("year 9999", at("9999-12-31T23:59:59.999Z")),
    ]


def _not_of_objects(bucket: str, prefix: str) -> list[Hostile]:
    """What is skipped, and what ends as a rejection of its own. Objects that these name do not exist."""
    nobody = f"{prefix}nobody.jpg"

    def record(name: str, value: Any) -> Hostile:
        return Hostile(name, dialects.body(value))

    def event(name: str, key: str = nobody, **described: Any) -> dict[str, Any]:
        written = dialects.s3_record(_quoted(key), bucket, None, eventName=name)
        written["s3"]["object"] |= described
        return {"Records": [written]}

    def malformed(name: str, value: bytes, codec: str | None = None, part: bytes | None = None) -> Hostile:
        return Hostile(name, value, malformed=part or value, codec=codec)

    mark = prefix.encode()
    other = json.loads(dialects.event_bridge(nobody, bucket, None)) | {"source": "my.app"}
    return [
        *(record(name, event(f"ObjectCreated:{name}")) for name in ("PutTagging", "PutRetention", "DeleteTagging")),
        record("removed", event("ObjectRemoved:Delete")),
        record("folder", event("ObjectCreated:Put", f"{prefix}folder/", size=0)),
        record("test", {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": bucket}),
        record("confirmation", {"Type": "SubscriptionConfirmation", "Message": "…", "SubscribeURL": "https://x"}),
        record("other source", other),
        malformed("8 MB of gzip", mark + b" " * 8_000_000, codec="gzip"),
        malformed("100,000 records", b'{"Records":[' + b",".join([b"{}"] * 100_000) + b"]}", part=b"{}"),
        malformed("no JSON", b"no notification, " + mark),
        malformed(
            "bad record",
            dialects.body({"Records": [{"eventName": "ObjectCreated:Put", "s3": mark.decode()}]}),
            part=b'{"eventName": "ObjectCreated:Put", "s3": "%s"}' % mark,
        ),
    ]


def key_of(malformed: bytes) -> str:
    """What the account calls something that names no object: by the id of its rejection."""
    return f"message {message_id(malformed)}"


def _quoted(key: str) -> str:
    return key.replace("+", "%2B").replace(" ", "+")


def _wrapped(name: str, inner: Any, **more: str) -> bytes:
    text = inner.decode() if isinstance(inner, bytes) else inner
    return dialects.body({"Records": [{"messageId": "m", name: text, **more}]})
