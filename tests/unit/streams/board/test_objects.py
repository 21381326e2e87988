"""Reading objects for the page: limits of size and time, and a store that is away."""

from collections.abc import Iterator
from typing import Any, Self

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from streams.board import objects
from streams.board.objects import NoPictureError, ObjectVersion, PictureStore, StoredObject, UnavailableError
from streams.runtime.settings import AwsSettings, load

CAT = ObjectVersion("pictures", "uploads/ann/cat.jpg", None)


class Body:
    """``read1`` gives one part at a time."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts

    def read1(self, _size: int) -> bytes:
        return next(self._parts, b"")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Client:
    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.error: Exception | None = None
        self.parts: list[bytes] = [b"12", b"345"]
        self.length: int | None = None

    def get_object(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        if self.error is not None:
            raise self.error
        length = sum(map(len, self.parts)) if self.length is None else self.length
        return {"Body": Body(iter(self.parts)), "ContentLength": length, "ETag": '"v1"'}


class Clock:
    """Goes on by ``step`` seconds each time it is looked at."""

    now = 0.0
    step = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def store(client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> PictureStore:
    monkeypatch.setattr(objects, "_client", lambda _settings: client)
    return PictureStore(load(AwsSettings), max_bytes=10, clock=clock)


def refused(status: int, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetObject")  # type: ignore[typeddict-item]


async def test_an_object_is_read_with_its_etag(store: PictureStore, client: Client) -> None:
    assert await store.read(CAT) == StoredObject(b"12345", '"v1"')
    assert client.asked == [{"Bucket": "pictures", "Key": "uploads/ann/cat.jpg"}]


async def test_the_version_of_the_event_is_read_and_what_is_known_is_not_read_again(
    store: PictureStore, client: Client
) -> None:
    client.error = refused(304, "304")
    assert await store.read(CAT._replace(version_id="3"), '"v1"') is None
    assert client.asked[0]["VersionId"] == "3"
    assert client.asked[0]["IfNoneMatch"] == '"v1"'


@pytest.mark.parametrize("length", [11, 5])
async def test_no_more_is_read_than_may_be_whatever_length_is_stated(
    store: PictureStore, client: Client, length: int
) -> None:
    client.length = length
    client.parts = [b"123456", b"789012", b"never read"]
    with pytest.raises(NoPictureError, match="more than"):
        await store.read(CAT)


async def test_an_object_that_trickles_is_given_up(store: PictureStore, client: Client, clock: Clock) -> None:
    clock.step = 4
    client.parts = [b"1"] * 9
    with pytest.raises(UnavailableError, match="no answer in time"):
        await store.read(CAT)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [(404, "NoSuchKey", NoPictureError), (403, "AccessDenied", NoPictureError), (503, "SlowDown", UnavailableError)],
)
async def test_a_refusal_has_the_stores_code(
    store: PictureStore, client: Client, status: int, code: str, kind: type[NoPictureError]
) -> None:
    client.error = refused(status, code)
    with pytest.raises(NoPictureError, match=code) as raised:
        await store.read(CAT)
    assert type(raised.value) is kind


async def test_a_store_that_is_away_is_not_waited_for_again_and_again(
    store: PictureStore, client: Client, clock: Clock
) -> None:
    client.error = EndpointConnectionError(endpoint_url="http://store")
    for _ in range(20):
        with pytest.raises(UnavailableError):
            await store.read(CAT)
    assert len(client.asked) == objects.SILENT_MAX
    clock.now = 6.0
    with pytest.raises(UnavailableError):
        await store.read(CAT)
    with pytest.raises(UnavailableError, match="does not answer"):
        await store.read(CAT)
    assert len(client.asked) == objects.SILENT_MAX + 1, "one more attempt each few seconds"
    clock.now = 12.0
    client.error = None
    assert await store.read(CAT)


async def test_one_object_that_hangs_keeps_no_other_from_being_read(store: PictureStore, client: Client) -> None:
    for _ in range(3 * objects.SILENT_MAX):
        client.error = EndpointConnectionError(endpoint_url="http://store")
        with pytest.raises(UnavailableError):
            await store.read(CAT)
        client.error = refused(404, "NoSuchKey")
        with pytest.raises(NoPictureError):
            await store.read(CAT)
    assert len(client.asked) == 6 * objects.SILENT_MAX
