"""The notification of every S3 dialect for one object, as the servers write it."""

import base64
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


def scality(key: str, bucket: str = "pets", version: str | None = "v") -> bytes:
    # It writes null for what it does not know, and the size as text.
    record = s3_record(key, bucket, version, eventSource="scality:s3")
    record["s3"]["bucket"]["arn"] = None
    record["s3"]["object"] |= {"size": "7", "eTag": None, "sequencer": None}
    return body({"Records": [record]})


def versity(key: str, bucket: str = "pets", version: str | None = "v") -> bytes:
    # It says that it is Amazon's, but leaves the key as it is and counts from 1. The ARN has the request's path.
    record = s3_record(key, bucket, version)
    record["s3"]["bucket"]["arn"] = f"arn:aws:s3:::/{bucket}/{key}"
    return body({"Records": [record]})


def gcs(key: str, bucket: str = "pets") -> bytes:
    """Google's, as Pub/Sub pushes it."""
    resource = {
        "kind": "storage#object",
        "id": f"{bucket}/{key}/1795464000123456",
        "name": key,
        "bucket": bucket,
        "generation": "1795464000123456",
        "metageneration": "1",
        "contentType": "image/jpeg",
        "timeCreated": TIME,
        "updated": TIME,
        "size": "7",
        "md5Hash": "EFrTqGbhTZWuGiOTbS6Byg==",
        "etag": "CMD5z8bN04wDEAE=",
    }
    attributes = {
        "notificationConfig": f"projects/_/buckets/{bucket}/notificationConfigs/1",
        "eventType": "OBJECT_FINALIZE",
        "payloadFormat": "JSON_API_V1",
        "bucketId": bucket,
        "objectId": key,
        "objectGeneration": "1795464000123456",
        "eventTime": TIME,
    }
    message = {"attributes": attributes, "data": base64.b64encode(body(resource)).decode(), "messageId": "5"}
    return body({"message": message, "subscription": "projects/p/subscriptions/s"})


def r2(key: str, bucket: str = "pets") -> bytes:
    """Cloudflare's; it has neither versions nor sequencers."""
    described = {"key": key, "size": 7, "eTag": "e"}
    return body({"account": "a", "action": "PutObject", "bucket": bucket, "object": described, "eventTime": TIME})


DIALECTS = [amazon, sns, event_bridge, minio, unencoded_minio, ceph, percent_encoded]
"""Those that tell everything of an object."""
EVERY_DIALECT = [*DIALECTS, scality, versity, r2, gcs]
