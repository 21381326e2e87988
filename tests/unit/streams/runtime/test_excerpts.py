"""Whatever comes, what we say of it fits its topic, and says what is missing."""

import hashlib
import json
from datetime import UTC, datetime

import pytest

from streams.classify import outcomes
from streams.contracts import ImageRejected, Model, StorageDeadLetter, encode
from streams.contracts.topics import MAX_WRAPPED_BYTES
from streams.notifications.upload import ImageUploaded, Malformed, parse
from streams.replay.messages import NotReplayable, result_of
from streams.runtime.excerpts import KEPT_BYTES, RESULT_MAX_BYTES, UPLOAD_EVENT_MAX_BYTES, excerpt, is_marked

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
MODEL = Model(name="m", version="1", rev=1, sha256="0" * 64)
OVERHEAD_BYTES = 4096
"""More than Kafka's record batch and our headers add."""
WORST = "\x01" * 5000
"""Six bytes for each character in JSON."""


def upload(key: str = "k", etag: str | None = None) -> ImageUploaded:
    return ImageUploaded("pets", key, NOW, "0" * 64, etag=etag)


def rejected(message: bytes, detail: str = "because", etag: str | None = None, key: str = "k") -> ImageRejected:
    return outcomes.rejected(
        upload(key, etag), "undecodable", detail, user_name="ann", at=NOW, model=MODEL, message=message
    )


def letter_of(event: bytes) -> StorageDeadLetter:
    kept = excerpt(event, RESULT_MAX_BYTES)
    return StorageDeadLetter(
        id=upload().id,
        topic="image-rejections",
        partition=0,
        offset=2**63 - 1,
        sqlstate="23514",
        constraint="c" * 63,
        detail=WORST[:2000],
        failed_at=NOW,
        event=kept.data,
        event_truncated=kept.is_cut,
        event_sha256=kept.sha256,
    )


@pytest.mark.parametrize("size", [0, UPLOAD_EVENT_MAX_BYTES, UPLOAD_EVENT_MAX_BYTES + 1, 8_000_000])
def test_a_rejection_and_its_dead_letter_fit_whatever_came(size: int) -> None:
    rejection = encode(rejected(b"x" * size, detail=WORST, etag=WORST, key="\x01" * 1024))
    assert len(rejection) + OVERHEAD_BYTES < MAX_WRAPPED_BYTES
    assert len(encode(letter_of(rejection))) + OVERHEAD_BYTES < MAX_WRAPPED_BYTES


@pytest.mark.parametrize("size", [RESULT_MAX_BYTES, RESULT_MAX_BYTES + 1, 8_000_000])
def test_a_dead_letter_fits_whatever_was_on_a_topic_of_results(size: int) -> None:
    assert len(encode(letter_of(b"x" * size))) + OVERHEAD_BYTES < MAX_WRAPPED_BYTES


def test_an_upload_event_that_fits_is_kept_whole_and_without_a_mark() -> None:
    event = rejected(b"x" * UPLOAD_EVENT_MAX_BYTES)
    assert (len(event.upload_event), event.detail) == (UPLOAD_EVENT_MAX_BYTES, "because")
    assert b"upload_event_truncated" not in encode(event)


def test_an_upload_event_that_is_cut_says_so_with_the_checksum_of_the_whole() -> None:
    whole = b"x" * (UPLOAD_EVENT_MAX_BYTES + 1)
    checksum = hashlib.sha256(whole).hexdigest()
    malformed = outcomes.malformed(Malformed("no JSON", whole), received=NOW, at=NOW, model=MODEL, message=whole)
    for event in (rejected(whole), malformed):
        assert event.upload_event == whole[:KEPT_BYTES]
        assert json.loads(encode(event))["upload_event_truncated"] is True
        assert event.upload_event_sha256 == checksum
        assert event.detail.endswith(f" [upload event cut to 65,536 of 2,097,153 bytes, sha256 {checksum}]")
        assert is_marked(event.detail)
    assert not is_marked("no JSON")


def test_a_dead_letter_that_was_cut_is_not_replayed() -> None:
    with pytest.raises(NotReplayable, match=r"was cut; the whole one has the sha256 [0-9a-f]{64}"):
        result_of(letter_of(b"x" * 4_000_000))


def test_an_etag_of_absurd_length_is_no_hint() -> None:
    assert rejected(b"", etag="e" * 1025).etag is None
    assert rejected(b"", etag="e" * 64).etag == "e" * 64


@pytest.mark.parametrize(
    "described",
    [
        {"bucket": {"name": "b" * 300}, "object": {"key": "k"}},
        {"bucket": {"name": "b"}, "object": {"key": "k" * 1025}},
        {"bucket": {"name": "b"}, "object": {"key": "k", "versionId": "v" * 2000}},
    ],
    ids=["bucket", "key", "version"],
)
def test_names_longer_than_any_stores_are_no_notification(described: object) -> None:
    record = {"eventName": "ObjectCreated:Put", "eventSource": "aws:s3", "eventTime": NOW.isoformat(), "s3": described}
    (found,) = parse(json.dumps({"Records": [record]}).encode())
    assert isinstance(found, Malformed)
