"""What stores other than Amazon's write into their events, as captured or as they document it."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from streams.notifications.upload import ImageUploaded, Malformed, Skipped, parse
from tests.dialects import TIME, body, gcs, r2, s3_record, scality, versity

MOMENT = datetime(2026, 11, 23, 20, 0, 0, 123000, UTC)


def sequencers(*messages: bytes) -> list[str]:
    return [upload.sequencer for message in messages for upload in parse(message) if isinstance(upload, ImageUploaded)]


# --- VersityGW

CAPTURED = (Path(__file__).parent / "versity.jsonl").read_bytes().splitlines()
"""Of VersityGW 1.8.0. The sixth came while other uploads ran: only its ARN names the object."""


def test_what_was_captured_of_versity_names_the_objects_that_were_written() -> None:
    named = [parse(message)[0] for message in CAPTURED]
    assert [(upload.bucket, upload.key) for upload in named if isinstance(upload, ImageUploaded)] == [
        ("cats-and-dogs", "uploads/ann/%2B+%20 .png"),
        ("cats-and-dogs", "uploads/ann/日本/猫 🐈.png"),
        ("dogs-and-cats", "copy+.png"),
        ("cats-and-dogs", "parts+.png"),
        ("cats-and-dogs", "0026+.png"),
    ]
    skipped = [upload.kind for upload in named if isinstance(upload, Skipped)]
    assert skipped == ["test", "folder", "metadata", "removed", "removed"]
    assert [upload.detail for upload in named if isinstance(upload, Malformed)] == [
        "the record names no bucket or no key"  # an upload by HTML form
    ]


def counted(counter: str, at: str = TIME, key: str = "k") -> bytes:
    record = json.loads(versity(key))["Records"][0] | {"eventTime": at}
    record["s3"]["object"]["sequencer"] = counter
    return body({"Records": [record]})


def test_versity_counts_and_the_second_of_the_event_comes_first() -> None:
    found = sequencers(
        counted("F", "2026-11-23T20:00:00Z"),
        counted("10", "2026-11-23T20:00:00Z"),  # as Amazon's, it would be less than F
        counted("A0", "2026-11-23T21:00:00+01:00"),
        counted("1", "2026-11-23T20:00:01Z"),  # it was started again
    )
    assert found == sorted(set(found))
    assert found[0] == f"{0x6B049B40:X}000000000000000F".ljust(64, "0")


def test_versity_without_a_counter_has_no_sequencer_and_with_a_strange_one_is_malformed() -> None:
    assert sequencers(counted("")) == ["0" * 64]
    (found,) = parse(counted("x"))
    assert isinstance(found, Malformed)


# --- Scality, and others that do not encode


def test_scality_writes_keys_as_they_are_and_knows_little_else() -> None:
    assert parse(scality("a+b %20.jpg")) == [
        ImageUploaded("pets", "a+b %20.jpg", MOMENT, "0" * 64, "v", None, None),
    ]


@pytest.mark.parametrize("key", ["a b+c.jpg", "100%+.jpg", "é+.jpg", "50%zz+", "new\nline+"])
def test_a_key_that_cannot_be_form_encoded_is_taken_as_it_is(key: str) -> None:
    (upload,) = parse(body({"Records": [s3_record(key, eventSource="another:s3")]}))
    assert isinstance(upload, ImageUploaded)
    assert upload.key == key


@pytest.mark.parametrize("key", ["a+b.jpg", "a%20b.jpg", "a(b)+'!*~c.jpg"])
def test_a_key_that_may_be_form_encoded_is_decoded(key: str) -> None:
    (upload,) = parse(body({"Records": [s3_record(key, eventSource="another:s3")]}))
    assert isinstance(upload, ImageUploaded)
    assert upload.key == key.replace("+", " ").replace("%20", " ")


# --- Cloudflare R2


def test_an_event_of_r2_has_no_sequencer_and_its_key_as_it_is() -> None:
    assert parse(r2("a+b %20.jpg")) == [ImageUploaded("pets", "a+b %20.jpg", MOMENT, "0" * 64, None, "e", 7)]
    assert parse(r2("a").replace(b"PutObject", b"DeleteObject")) == [Skipped("DeleteObject")]


def test_the_example_of_r2s_documentation_is_read() -> None:
    # Source: Cloudflare, "Event notifications", "Message format".
    copied = {
        "account": "3f4b7e3dcab231cbfdaa90a6a28bd548",
        "action": "CopyObject",
        "bucket": "my-bucket",
        "object": {"key": "my-new-object", "size": 65536, "eTag": "c846ff7a18f28c2e262116d6e8719ef0"},
        "eventTime": "2024-05-24T19:36:44.379Z",
        "copySource": {"bucket": "my-bucket", "object": "my-original-object"},
    }
    at = datetime(2024, 5, 24, 19, 36, 44, 379000, UTC)
    etag = "c846ff7a18f28c2e262116d6e8719ef0"
    assert parse(body(copied)) == [ImageUploaded("my-bucket", "my-new-object", at, "0" * 64, None, etag, 65536)]
    deleted = copied | {"action": "LifecycleDeletion", "object": {"key": "my-new-object"}}
    assert parse(body(deleted)) == [Skipped("LifecycleDeletion")]


# --- Google Cloud Storage

GENERATION = f"{1795464000123456:X}".ljust(64, "0")


def message_of(pushed: bytes) -> dict[str, Any]:
    return dict(json.loads(pushed)["message"])


def resource_of(pushed: bytes) -> dict[str, Any]:
    return dict(json.loads(base64.b64decode(message_of(pushed)["data"])))


def test_an_event_of_gcs_is_read_pushed_pulled_and_as_its_resource_alone() -> None:
    pushed = gcs("a+b %20.jpg")
    expected = [ImageUploaded("pets", "a+b %20.jpg", MOMENT, GENERATION, None, None, 7)]
    assert parse(pushed) == parse(body(message_of(pushed))) == parse(body(resource_of(pushed))) == expected
    connected = message_of(pushed)["attributes"] | {"message": message_of(pushed)["data"]}  # by Kafka Connect
    assert parse(body(connected)) == expected
    assert parse(body(connected | {"eventType": "OBJECT_DELETE"})) == [Skipped("OBJECT_DELETE")]


def test_an_event_of_gcs_without_a_payload_is_read_by_its_attributes() -> None:
    message = message_of(gcs("a+b %20.jpg"))
    del message["data"]
    expected = [ImageUploaded("pets", "a+b %20.jpg", MOMENT, GENERATION)]
    assert parse(body(message)) == parse(body(message | {"data": ""})) == expected


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("OBJECT_DELETE", "removed"),
        ("OBJECT_ARCHIVE", "removed"),
        ("OBJECT_METADATA_UPDATE", "metadata"),
        ("OBJECT_SOMETHING", "other"),
    ],
)
def test_what_writes_no_bytes_in_gcs_is_skipped(event: str, kind: str) -> None:
    (found,) = parse(gcs("k").replace(b"OBJECT_FINALIZE", event.encode()))
    assert (found, getattr(found, "kind", None)) == (Skipped(event), kind)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"metageneration": "2"}, "metadata"),
        ({"timeDeleted": TIME}, "removed"),
        ({"size": "0", "name": "uploads/ann/"}, "folder"),
    ],
)
def test_a_resource_of_gcs_that_was_not_just_written_is_skipped(changes: dict[str, str], kind: str) -> None:
    (found,) = parse(body(resource_of(gcs("k")) | changes))
    assert getattr(found, "kind", None) == kind


def test_generations_of_gcs_are_in_the_order_of_their_numbers() -> None:
    resource = resource_of(gcs("k"))
    found = sequencers(*(body(resource | {"generation": str(1795464000123456 + step)}) for step in (0, 9, 10, 10**9)))
    assert found == sorted(set(found))


@pytest.mark.parametrize(
    "message",
    [
        {"attributes": {"eventType": "OBJECT_FINALIZE", "bucketId": "b"}},
        {"attributes": {"eventType": "OBJECT_FINALIZE", "bucketId": "b", "objectId": "k"}},
        {"attributes": {}, "data": 5},
        {"attributes": 5},
        {"attributes": {"eventType": "OBJECT_FINALIZE", "bucketId": "b", "objectId": "k"}, "data": "not base64"},
        {"attributes": {"eventType": "OBJECT_FINALIZE", "bucketId": "b", "objectId": "k"}, "data": "bm90IGpzb24="},
        {"kind": "storage#object"},
        {"kind": "storage#object", "bucket": "b", "name": "k", "timeCreated": TIME, "generation": "-1"},
        {"kind": "storage#object", "bucket": "b", "name": "k", "timeCreated": TIME, "generation": "9" * 5000},
        {"kind": ["storage#object"], "bucket": "b", "name": "k"},
        {"message": {"data": "e30="}},
        {"message": "text"},
        {"message": "text", "eventType": "OBJECT_FINALIZE", "bucketId": "b", "objectId": "k"},
        {"message": [], "eventType": "OBJECT_FINALIZE", "bucketId": "b"},
        {"eventType": 5},
    ],
    ids=lambda message: json.dumps(message)[:80],
)
def test_what_names_no_object_of_gcs_is_malformed(message: object) -> None:
    (found,) = parse(body(message))
    assert isinstance(found, Malformed)


JUST_WRITTEN = {"kind": "storage#object", "bucket": "b", "name": "k", "timeCreated": TIME}


@pytest.mark.parametrize("generation", ["x", "-1", "1_7", " 5", "٣", "", "9" * 5000])
def test_a_generation_of_gcs_that_is_no_number_is_named(generation: str) -> None:
    (found,) = parse(body(JUST_WRITTEN | {"generation": generation}))
    assert isinstance(found, Malformed)
    assert found.detail == f"the generation {generation[:80]!r} is not a number of up to 19 digits"


@pytest.mark.parametrize("data", ["not base64", "AAAAA", "AA", "é", "AAAA\n"])
def test_data_of_gcs_that_is_not_base64_is_named(data: str) -> None:
    (found,) = parse(body(message_of(gcs("k")) | {"data": data}))
    assert isinstance(found, Malformed)
    assert found.detail == "the field data is not base64"


@pytest.mark.parametrize("size", [-1, 1.5, "", "x", "9" * 5000, [], None, True])
def test_a_size_of_gcs_that_is_no_number_counts_as_unknown(size: object) -> None:
    (found,) = parse(body(JUST_WRITTEN | {"size": size}))
    assert isinstance(found, ImageUploaded)
    assert found.size_bytes is None
    (number,) = parse(body(JUST_WRITTEN | {"size": 7}))
    assert isinstance(number, ImageUploaded)
    assert number.size_bytes == 7
