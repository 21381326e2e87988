"""Notifications as they come by way of SNS, SQS and Lambda, and events of other dialects: what each one names."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from streams.notifications.upload import MAX_WRAPPINGS, ImageUploaded, Malformed, Skipped, parse
from tests.dialects import DIALECTS, EVERY_DIALECT, body, event_bridge, r2, s3_record

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def sqs(*bodies: bytes) -> bytes:
    """What a Lambda function is given of a queue."""
    records = [{"messageId": "m", "body": each.decode(), "eventSource": "aws:sqs"} for each in bodies]
    return body({"Records": records})


def sns_records(*messages: bytes) -> bytes:
    """What a Lambda function is given of a topic."""
    records = [
        {"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": {"Type": "Notification", "Message": each.decode()}}
        for each in messages
    ]
    return body({"Records": records})


def sns(message: bytes) -> bytes:
    return body({"Type": "Notification", "TopicArn": "arn", "Message": message.decode()})


def pipe(message: bytes) -> bytes:
    """One message of a queue, as EventBridge Pipes puts it onto a topic: the body is JSON already."""
    return body({"messageId": "m", "body": json.loads(message), "eventSource": "aws:sqs"})


WRAPPINGS = [sqs, sns_records, sns, pipe, lambda message: sqs(sns(message)), lambda message: sns_records(sqs(message))]


@pytest.mark.parametrize("wrap", WRAPPINGS)
@pytest.mark.parametrize("dialect", EVERY_DIALECT, ids=lambda dialect: dialect.__name__)
def test_a_wrapped_notification_names_what_it_names_unwrapped(dialect: Any, wrap: Any) -> None:
    message = dialect("a+b %20 é.jpg")
    assert parse(wrap(message)) == parse(message)
    assert isinstance(parse(message)[0], ImageUploaded)


def test_each_record_of_an_envelope_may_hold_several() -> None:
    two = body({"Records": [s3_record("a"), s3_record("b")]})
    uploads = parse(sqs(two, event_bridge("c")))
    assert [upload.key for upload in uploads if isinstance(upload, ImageUploaded)] == ["a", "b", "c"]


def test_a_bad_body_spoils_no_other_and_is_quoted_with_its_record() -> None:
    good, bad = parse(sqs(event_bridge("a"), b"not json"))
    assert isinstance(good, ImageUploaded)
    assert isinstance(bad, Malformed)
    assert json.loads(bad.record)["body"] == "not json"


@pytest.mark.parametrize("dialect", [event_bridge, r2], ids=lambda dialect: dialect.__name__)
@pytest.mark.parametrize("message", ["text", [], {"attributes": {"eventType": "X"}}], ids=str)
def test_a_message_beside_an_event_is_not_taken_for_a_push_of_pub_sub(dialect: Any, message: object) -> None:
    event = dialect("k")
    assert parse(body(json.loads(event) | {"message": message})) == parse(event)


def test_wrappings_without_end_are_malformed() -> None:
    message = event_bridge("a")
    for _ in range(MAX_WRAPPINGS):
        message = sqs(message)
    assert isinstance(parse(message)[0], ImageUploaded)
    (found,) = parse(sqs(message))
    assert isinstance(found, Malformed)
    assert "wrapped" in found.detail


@pytest.mark.parametrize("field", ["detail", "data", "Records", "attributes"])
def test_json_that_is_nested_too_deeply_is_malformed_and_says_so(field: str) -> None:
    (found,) = parse(b'{"' + field.encode() + b'":' + b"[" * 100_000)
    assert isinstance(found, Malformed)
    assert found.detail.endswith("it is nested too deeply")


@pytest.mark.parametrize(
    "message",
    [
        {"Records": [{"messageId": "m", "body": None, "eventSource": "aws:sqs"}]},
        {"Records": [{"messageId": "m", "body": 5}]},
        {"Records": [{"Sns": {"Type": "Notification"}}]},
        {"Records": [{"Sns": 5}]},
        {"Type": "Notification", "Message": 5},
        {"Message": "hello"},
        {"body": "hello"},
        {"action": "PutObject"},
        {"action": "PutObject", "bucket": "b"},
        {"action": "PutObject", "bucket": "b", "object": {"key": "k"}},
        {"action": ["PutObject"], "bucket": {"name": "b"}},
        {"source": ["aws.s3"], "detail-type": 5},
    ],
    ids=str,
)
def test_an_envelope_with_nothing_in_it_is_malformed(message: object) -> None:
    (found,) = parse(body(message))
    assert isinstance(found, Malformed)


@pytest.mark.parametrize("event", ["PutTagging", "PutRetention", "PutLegalHold", "DeleteTagging", "PutAcl"])
def test_what_minio_calls_a_creation_and_is_none_is_skipped(event: str) -> None:
    name = f"s3:ObjectCreated:{event}"
    record = s3_record("k", eventSource="minio:s3", eventName=name)
    (found,) = parse(body({"EventName": name, "Key": "pets/k", "Records": [record]}))
    assert (found, getattr(found, "kind", None)) == (Skipped(name), "metadata")


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.__name__)
def test_a_folder_is_skipped_in_every_dialect_and_a_picture_named_like_one_is_not(dialect: Any) -> None:
    named = dialect("uploads/ann/")
    (upload,) = parse(named)
    assert isinstance(upload, ImageUploaded)
    (folder,) = parse(named.replace(b'"size": 7', b'"size": 0').replace(b'\\"size\\": 7', b'\\"size\\": 0'))
    assert getattr(folder, "kind", None) == "folder"
    (empty,) = parse(dialect("uploads/ann.jpg").replace(b'size": 7', b'size": 0').replace(b'size\\": 7', b'size\\": 0'))
    assert isinstance(empty, ImageUploaded), "an empty picture is one: it is rejected, and its user is told"


@pytest.mark.parametrize("source", ["my.app", "", 5, ["aws.s3"], "aws.s3.mine"])
def test_an_event_of_event_bridge_that_is_not_of_s3_is_skipped(source: object) -> None:
    message = json.loads(event_bridge("k")) | {"source": source}
    (found,) = parse(body(message))
    assert getattr(found, "kind", None) == "other_source"


@pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_a_confirmation_of_sns_is_skipped_and_says_what_to_do(kind: str) -> None:
    message = {"Type": kind, "Message": "You have chosen", "SubscribeURL": "https://x", "TopicArn": "arn:aws:sns:x:1:t"}
    for wrapped in (body(message), sqs(body(message))):
        (found,) = parse(wrapped)
        assert isinstance(found, Skipped)
        assert (found.event, found.kind) == (f"sns:{kind}", "subscription")
        assert "aws sns subscribe" in (found.remedy or "")
        assert "arn:aws:sns:x:1:t" in (found.remedy or "")


@pytest.mark.parametrize(
    "stated",
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "12026-01-01T00:00:00Z", 1e300],
)
def test_an_object_is_classified_whatever_year_its_event_states(stated: object) -> None:
    (upload,) = parse(body({"Records": [s3_record("k", eventTime=stated)]}))
    assert isinstance(upload, ImageUploaded)
    assert upload.key == "k"


@pytest.mark.parametrize("size", ["7", -1, 7.5, None, True, []])
def test_a_size_that_is_none_is_unknown_and_refuses_no_event(size: object) -> None:
    record = s3_record("k")
    record["s3"]["object"]["size"] = size
    (upload,) = parse(body({"Records": [record]}))
    assert isinstance(upload, ImageUploaded)
    assert upload.size_bytes is None


def test_a_bucket_with_a_slash_names_no_object_of_another_bucket() -> None:
    (found,) = parse(body({"Records": [s3_record("1.jpg", bucket="pets/uploads/ann")]}))
    assert isinstance(found, Malformed)


def test_sequencers_of_ceph_are_put_into_the_order_of_time() -> None:
    # Ceph writes its clock as it lies in memory; the seconds 0x69200BFF come before 0x69200C00.
    clocks = ["FF0B206900CA9A3A", "000C206901000000", "000C206900010000"]
    records = [s3_record("k", eventSource="ceph:s3") for _ in clocks]
    for record, clock in zip(records, clocks, strict=True):
        record["s3"]["object"]["sequencer"] = clock
    found = [getattr(upload, "sequencer", "") for upload in parse(body({"Records": records}))]
    assert found == sorted(set(found))
    assert found[0] == "69200BFF3A9ACA00".ljust(64, "0")
