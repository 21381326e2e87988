"""The notification of every S3 dialect for one object, as the servers write it."""

import json
from typing import Any
from urllib.parse import quote, quote_plus

TIME = "2026-11-23T20:00:00.123Z"


def s3_record(key: str, bucket: str = "pets", version: str | None = "v", **changes: Any) -> dict[str, Any]:
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": TIME,
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {"key": key, "size": 7, "eTag": "e", "versionId": version, "sequencer": "0A"},
        },
        "somethingNew": {"nobody": "knows"},
    } | changes


def body(message: object) -> bytes:
    return json.dumps(message).encode()


def amazon(key: str, bucket: str = "pets", version: str | None = "v") -> bytes:
    # S3 form-encodes, and leaves the slash as it is.
    return body({"Records": [s3_record(quote_plus(key, safe="/"), bucket, version)]})


def sns(key: str, bucket: str = "pets", version: str | None = "v") -> bytes:
    wrapped = amazon(key, bucket, version).decode()
    return body({"Type": "Notification", "TopicArn": "arn", "Message": wrapped, "Signature": "s"})


def event_bridge(key: str, bucket: str = "pets", version: str | None = "v") -> bytes:
    detail = {
        "version": "0",
        "bucket": {"name": bucket},
        "object": {"key": key, "size": 7, "etag": "e", "version-id": version, "sequencer": "0A"},
        "reason": "PutObject",
    }
    return body({"source": "aws.s3", "detail-type": "Object Created", "time": TIME, "detail": detail})


def minio(key: str, bucket: str = "pets", version: str | None = "v") -> bytes:
    # MinIO and RustFS encode the slash too, and say the key once more as it is.
    record = s3_record(quote_plus(key), bucket, version, eventSource="minio:s3", eventName="s3:ObjectCreated:Put")
    return body({"EventName": "s3:ObjectCreated:Put", "Key": f"{bucket}/{key}", "Records": [record]})


def unencoded_minio(key: str, bucket: str = "pets", version: str | None = "v") -> bytes:
    record = s3_record(key, bucket, version, eventSource="rustfs:s3", eventName="s3:ObjectCreated:Put")
    return body({"EventName": "s3:ObjectCreated:Put", "Key": f"{bucket}/{key}", "Records": [record]})


def ceph(key: str, bucket: str = "pets", version: str | None = "v") -> bytes:
    record = s3_record(key, bucket, version, eventSource="ceph:s3", eventTime="2026-11-23 20:00:00.123000Z")
    return body({"Records": [record]})


def percent_encoded(key: str, bucket: str = "pets", version: str | None = "v") -> bytes:
    # Some servers write %20 where S3 writes a plus.
    return body({"Records": [s3_record(quote(key, safe=""), bucket, version)]})


def r2(key: str, bucket: str = "pets") -> bytes:
    """Cloudflare's; it has neither versions nor sequencers."""
    described = {"key": key, "size": 7, "eTag": "e"}
    return body({"account": "a", "action": "PutObject", "bucket": bucket, "object": described, "eventTime": TIME})


DIALECTS = [amazon, sns, event_bridge, minio, unencoded_minio, ceph, percent_encoded]
"""Those that tell everything of an object."""
