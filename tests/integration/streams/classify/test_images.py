"""Objects from a real S3 server, through whichever client can name the key."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from deploy.local.stack import Stack
from streams.classify.images import S3Images
from streams.classify.object_store import Unlimited
from streams.classify.opening import open_store
from streams.classify.s3_errors import (
    ObjectMissingError,
    ObjectTooLargeError,
    ObjectUnreadableError,
    StoreUnavailableError,
)
from streams.notifications.upload import ImageUploaded
from streams.runtime.settings import AwsSettings, load

KEYS = [
    "a+b.jpg",
    "a b.jpg",
    "100%.jpg",
    "é/ü.jpg",
    "../x",
    "a//b",
    "a/./b",
    "/leading",
    "trailing/",
    "a%20b",
    "日本/猫 🐈.jpg",
    "a?b#c&d",
    "new\nline",
]


@pytest.fixture
def images(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> S3Images:
    for name, value in stack.environment().items():
        monkeypatch.setenv(name, value)
    return open_store(load(AwsSettings))


def uploaded(bucket: str, key: str, version_id: str | None = None) -> ImageUploaded:
    return ImageUploaded(bucket, key, datetime.now(UTC), "0" * 64, version_id)


@pytest.mark.parametrize("key", KEYS)
async def test_every_key_that_s3_allows_gives_its_own_bytes_and_metadata(
    stack: Stack, images: S3Images, make_bucket: Callable[..., tuple[str, str]], key: str
) -> None:
    bucket, _ = make_bucket()
    for decoy in (key.strip("/"), "x", "a/b", "leading", "trailing"):
        stack.objects.s3.put_object(Bucket=bucket, Key=decoy, Body=b"another object")
    answer = stack.objects.s3.put_object(Bucket=bucket, Key=key, Body=b"its own", Metadata={"user-name": "ann"})
    stored = await images.fetch(uploaded(bucket, key), 100, Unlimited())
    assert (stored.data, stored.metadata["user-name"]) == (b"its own", "ann")
    assert stored.etag == answer["ETag"].strip('"')


@pytest.mark.parametrize("key", ["plain.jpg", "a//b"])
async def test_the_version_that_was_uploaded_is_read_not_the_newest(
    stack: Stack, images: S3Images, make_bucket: Callable[..., tuple[str, str]], key: str
) -> None:
    bucket, _ = make_bucket()
    first = stack.objects.s3.put_object(Bucket=bucket, Key=key, Body=b"first")["VersionId"]
    stack.objects.s3.put_object(Bucket=bucket, Key=key, Body=b"second")
    assert (await images.fetch(uploaded(bucket, key, first), 100, Unlimited())).data == b"first"
    assert (await images.fetch(uploaded(bucket, key), 100, Unlimited())).data == b"second"


@pytest.mark.parametrize("key", ["gone.jpg", "gone//twice"])
async def test_an_object_that_is_not_there_is_missing(
    images: S3Images, make_bucket: Callable[..., tuple[str, str]], key: str
) -> None:
    bucket, _ = make_bucket()
    with pytest.raises(ObjectMissingError):
        await images.fetch(uploaded(bucket, key), 100, Unlimited())


@pytest.mark.parametrize("key", ["gone.jpg", "gone//twice"])
async def test_a_bucket_that_is_not_there_is_no_outage_and_no_missing_picture(images: S3Images, key: str) -> None:
    """Other buckets are there; and it may come, so its objects are tried for as long as any."""
    with pytest.raises(ObjectUnreadableError):
        await images.fetch(uploaded("no-such-bucket", key), 100, Unlimited())


@pytest.mark.parametrize("key", ["large.jpg", "large//twice"])
async def test_a_large_object_is_refused_before_it_is_read(
    stack: Stack, images: S3Images, make_bucket: Callable[..., tuple[str, str]], key: str
) -> None:
    bucket, _ = make_bucket()
    stack.objects.s3.put_object(Bucket=bucket, Key=key, Body=b"x" * 101)
    with pytest.raises(ObjectTooLargeError):
        await images.fetch(uploaded(bucket, key), 100, Unlimited())


@pytest.mark.parametrize("key", ["x.jpg", "x//y"])
async def test_a_store_that_does_not_answer_is_an_outage(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    images = open_store(load(AwsSettings, s3_endpoint_url="http://127.0.0.1:9"))
    with pytest.raises(StoreUnavailableError):
        await images.fetch(uploaded("pets", key), 100, Unlimited())
