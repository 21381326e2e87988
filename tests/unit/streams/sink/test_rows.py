from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persistence.records import ClassificationRecord, RejectionRecord
from streams.contracts import ImageRejected, Model
from streams.contracts.identity import NO_SEQUENCER, image_id, image_url
from streams.sink.rows import record_of, storable
from tests.sinking import classified

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50)


def rejected(key: str, **changes: Any) -> ImageRejected:
    fields: dict[str, Any] = {
        "id": image_id("pets", key),
        "user_name": "ann",
        "image_url": image_url("pets", key),
        "bucket": "pets",
        "key": key,
        "version_id": None,
        "etag": None,
        "sequencer": NO_SEQUENCER,
        "reason": "no_user",
        "detail": "",
        "uploaded_at": NOON,
        "rejected_at": NOON,
        "model": Model(name="test", version="1.0", rev=1, sha256="0" * 64),
        "upload_event": b"{}",
    }
    return ImageRejected(**(fields | changes))


@given(KEYS.filter(lambda key: "\0" not in key))
def test_a_key_without_nul_is_stored_as_it_is(key: str) -> None:
    for record in (record_of(classified("pets", key)), record_of(rejected(key))):
        assert (record.source_key, record.image_url) == (key, f"s3://pets/{key}")


@given(KEYS, KEYS)
def test_a_key_with_nul_has_a_row_with_its_own_id_and_can_be_read_back(before: str, after: str) -> None:
    key = f"{before}\0{after}"
    for record in (record_of(classified("pets", key)), record_of(rejected(key))):
        assert record.id == image_id("pets", key)
        assert record.source_key == storable(key)
        assert record.source_key.replace("%00", "\0").replace("%25", "%") == key
        assert record.image_url == image_url("pets", storable(key))


def test_a_key_that_looks_escaped_differs_by_its_id_from_one_that_is() -> None:
    plain, escaped = record_of(classified("pets", "a%00b")), record_of(classified("pets", "a\0b"))
    assert plain.source_key == escaped.source_key == "a%00b"
    assert image_id("pets", "a%00b") == plain.id != escaped.id


@pytest.mark.parametrize("name", ["", "x" * 256, "nul\0"])
def test_a_rejection_is_counted_also_where_its_user_cannot_be_stored(name: str) -> None:
    record = record_of(rejected(f"uploads/{name}/1.jpg", user_name=name))
    assert isinstance(record, RejectionRecord)
    assert record.user_name is None


def test_a_detail_that_quotes_nul_is_stored_readably() -> None:
    record = record_of(rejected("k", detail="about a\0b"))
    assert isinstance(record, RejectionRecord)
    assert record.detail == r"about a\x00b"


def test_a_message_that_names_no_object_stays_without_one() -> None:
    nameless = {"bucket": None, "key": None, "image_url": None, "user_name": None, "reason": "malformed_event"}
    record = record_of(msgspec.structs.replace(rejected("k"), **nameless))
    assert (record.source_bucket, record.source_key, record.image_url) == (None, None, None)


def test_the_confidence_is_rounded_once_to_what_the_column_holds() -> None:
    record = record_of(classified("pets", "k", confidence=0.00015))
    assert isinstance(record, ClassificationRecord)
    assert str(record.confidence) == "0.0001"  # the double nearest to 0.00015 lies below it
