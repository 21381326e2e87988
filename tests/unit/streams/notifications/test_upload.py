import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.notifications.upload import ImageUploaded, Malformed, Skipped, parse, partition_key
from tests.dialects import DIALECTS, EVERY_DIALECT, TIME, amazon, body, s3_record

AWKWARD_KEYS = [
    "a+b.jpg",
    "a b.jpg",
    "100%.jpg",
    "é/ü.jpg",
    "../x",
    "a//b",
    "/leading",
    "trailing/",
    "a%20b",
    "日本/猫 🐈.jpg",
    "a&b=c;d@e:f$g,h?i#j",
    "quote\"'<script>.jpg",
    "new\nline",
    "%2B+%20 ",
]
MOMENT = datetime(2026, 11, 23, 20, 0, 0, 123000, UTC)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.__name__)
@pytest.mark.parametrize("key", AWKWARD_KEYS)
def test_every_awkward_key_survives_every_dialect(dialect: Any, key: str) -> None:
    assert parse(dialect(key)) == [ImageUploaded("pets", key, MOMENT, "A".ljust(64, "0"), "v", "e", 7)]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=100))
@example("/")
@example("a+b %2B é")
def test_any_key_survives_every_dialect(key: str) -> None:
    for dialect in EVERY_DIALECT:
        (upload,) = parse(dialect(key))
        assert isinstance(upload, ImageUploaded)
        assert upload.key == key


def test_one_message_names_several_objects_in_their_order() -> None:
    uploads = parse(body({"Records": [s3_record("a"), s3_record("b")]}))
    assert [upload.key for upload in uploads if isinstance(upload, ImageUploaded)] == ["a", "b"]


def test_a_bad_record_does_not_spoil_its_neighbours() -> None:
    good, bad, removed = parse(
        body({"Records": [s3_record("a"), {"eventName": 5}, s3_record("b", eventName="ObjectRemoved:Delete")]})
    )
    assert isinstance(good, ImageUploaded)
    assert isinstance(bad, Malformed)
    assert json.loads(bad.record) == {"eventName": 5}
    assert removed == Skipped("ObjectRemoved:Delete")


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": TIME, "Bucket": "pets"}, "s3:TestEvent"),
        (
            {"Records": [s3_record("a", eventName="s3:ObjectRemoved:DeleteMarkerCreated")]},
            "s3:ObjectRemoved:DeleteMarkerCreated",
        ),
        ({"Records": [s3_record("a", eventName="ObjectRestore:Completed", s3=None)]}, "ObjectRestore:Completed"),
        ({"detail-type": "Object Deleted", "source": "aws.s3", "detail": {}}, "Object Deleted"),
    ],
)
def test_what_asks_for_nothing_is_skipped(message: object, event: str) -> None:
    assert parse(body(message)) == [Skipped(event)]


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b"5",
        b"null",
        b"{}",
        b'{"Records": 5}',
        b'{"Type": "Notification", "Message": "not json"}',
        b'{"Records":' + b"[" * 100_000,
        body(
            {
                "detail-type": "Object Created",
                "time": "noon",
                "detail": {"bucket": {"name": "b"}, "object": {"key": "k"}},
            }
        ),
    ],
    ids=str,
)
def test_what_is_no_notification_is_malformed_and_keeps_its_bytes(message: bytes) -> None:
    (found,) = parse(message)
    assert isinstance(found, Malformed)
    assert found.record == message


@pytest.mark.parametrize(
    "changes",
    [
        {"eventTime": None},
        {"eventTime": "yesterday"},
        {"s3": {"bucket": {"name": ""}, "object": {"key": "k"}}},
        {"s3": {"bucket": {"name": "b"}, "object": {"key": ""}}},
        {"s3": {"bucket": {"name": "b"}, "object": {"key": "k", "sequencer": "not hex"}}},
        {"s3": {"bucket": {"name": "b"}, "object": {"key": "%FF%FE"}}},
        {"s3": {"bucket": {"name": "b"}, "object": {"key": "k" * 1025}}},
        {"s3": {"bucket": {"name": "b"}}},
    ],
    ids=str,
)
def test_a_record_that_names_no_object_is_malformed(changes: dict[str, Any]) -> None:
    (found,) = parse(body({"Records": [s3_record("k", **changes)]}))
    assert isinstance(found, Malformed)


@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.text(),
        lambda c: (
            st.lists(c)
            | st.dictionaries(
                st.sampled_from(["Records", "s3", "eventName", "detail", "detail-type", "Message", "Type"]), c
            )
        ),
    ).map(body)
)
def test_no_bytes_make_the_parser_raise(message: bytes) -> None:
    parse(message)


def test_what_a_dialect_leaves_out_is_none() -> None:
    record = s3_record("k", s3={"bucket": {"name": "pets"}, "object": {"key": "k", "versionId": ""}})
    assert parse(body({"Records": [record]})) == [ImageUploaded("pets", "k", MOMENT, "0" * 64)]


def test_the_partition_key_is_bucket_and_decoded_key_of_the_first_object() -> None:
    assert partition_key(parse(amazon("é b"))) == "pets/é b".encode()
    assert partition_key(parse(b"not json")) is None


@pytest.mark.parametrize("changes", [{"bucket": "p\0"}, {"versionId": "v\0"}, {"eTag": "e\0"}])
def test_nul_where_no_store_puts_it_is_malformed(changes: dict[str, str]) -> None:
    record = s3_record("k")
    for name, value in changes.items():
        if name == "bucket":
            record["s3"]["bucket"]["name"] = value
        else:
            record["s3"]["object"][name] = value
    (upload,) = parse(body({"Records": [record]}))
    assert isinstance(upload, Malformed)
    assert "NUL" in upload.detail
