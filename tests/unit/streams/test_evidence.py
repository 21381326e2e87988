from dataclasses import replace
from datetime import UTC, datetime

import pytest

from streams.evidence import Evidence, contradicts, proves
from streams.images import StoredImage
from streams.uploads import ImageUploaded

UPLOAD = ImageUploaded("pets", "a.jpg", datetime(2026, 1, 1, tzinfo=UTC), "0" * 64, "v1", "etag", 3)
STORED = StoredImage(b"abc", {}, "etag")
PAGE = StoredImage(b"<html>", {}, None)


@pytest.mark.parametrize(
    ("upload", "stored", "is_contradiction"),
    [
        (UPLOAD, STORED, False),
        (UPLOAD, PAGE, True),
        (replace(UPLOAD, version_id=None), PAGE, True),
        (replace(UPLOAD, size_bytes=None), PAGE, False),
        (replace(UPLOAD, version_id=None), StoredImage(b"other!", {}, "another"), False),
        (replace(UPLOAD, version_id=None), StoredImage(b"other!", {}, "etag"), True),
        (UPLOAD, StoredImage(b"other!", {}, "another"), True),
    ],
    ids=["same", "page", "page, no version", "size unknown", "overwritten", "same etag", "version has one size"],
)
def test_bytes_of_another_size_are_not_the_object_unless_it_was_overwritten(
    upload: ImageUploaded, stored: StoredImage, is_contradiction: object
) -> None:
    assert contradicts(upload, stored) is is_contradiction


@pytest.mark.parametrize(
    ("upload", "stored"),
    [
        (UPLOAD, PAGE),
        (UPLOAD, StoredImage(b"abc", {}, None)),
        (UPLOAD, StoredImage(b"abcd", {}, "etag")),
        (replace(UPLOAD, etag=None), StoredImage(b"abc", {}, None)),
        (replace(UPLOAD, size_bytes=None), STORED),
    ],
)
def test_only_size_and_etag_together_prove_what_was_uploaded(upload: ImageUploaded, stored: StoredImage) -> None:
    assert proves(UPLOAD, STORED)
    assert not proves(upload, stored)


def test_the_witness_is_the_last_object_that_was_read_of_the_same_bucket_and_never_the_refused_one() -> None:
    evidence = Evidence()
    assert evidence.witness(UPLOAD) is None
    evidence.read(UPLOAD, STORED)
    assert evidence.witness(UPLOAD) is None
    assert evidence.witness(replace(UPLOAD, bucket="others", key="b.jpg")) is None
    assert evidence.witness(replace(UPLOAD, version_id="another")) is not None
    witness = evidence.witness(replace(UPLOAD, key="b.jpg"))
    assert witness is not None
    assert witness.upload == UPLOAD
    assert witness.is_confirmed_by(STORED)
    assert not witness.is_confirmed_by(PAGE)
