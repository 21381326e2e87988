"""The listing against a store that answers as it is told: pages, order, refusals, outages."""

import io
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError

from streams.backfill.backfill import StoredVersions, backfill, nothing_known
from streams.backfill.listing import Listed, Listing, ListingRefused, Place
from streams.backfill.reconcile import Difference, reconcile
from streams.backfill.scope import Scope
from streams.runtime.outages import Outages

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Store:
    """A bucket of as many objects as it is told, made when they are listed; ``failures`` come first."""

    def __init__(self, objects: int, *failures: Exception) -> None:
        self.objects = objects
        self.failures: list[Exception] = list(failures)
        self.asked: list[dict[str, Any]] = []

    def list_objects_v2(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        if self.failures and len(self.asked) > 1:  # the first page comes
            raise self.failures.pop(0)
        begin = int(asked["StartAfter"]) + 1 if "StartAfter" in asked else int(asked.get("ContinuationToken", 0))
        end = min(begin + asked["MaxKeys"], self.objects)
        contents = [self.entry(f"{number:09d}") for number in range(begin, end)]
        return {"Contents": contents, "IsTruncated": end < self.objects, "NextContinuationToken": str(end)}

    def entry(self, key: str) -> dict[str, Any]:
        return {"Key": key, "LastModified": NOON, "Size": 7, "ETag": f'"{key}"', "StorageClass": "STANDARD"}


def listing(store: Any) -> Listing:
    return Listing(store, Place("pets", "uploads/"), Outages())


def refusal(code: str, status: int) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "ListObjectsV2")


async def keys(of: Listing, **options: Any) -> list[str]:
    return [each.key async for page in of.pages(**options) for each in page]


async def test_every_object_is_listed_once_and_as_it_is() -> None:
    store = Store(1001)
    pages = [page async for page in listing(store).pages(page_keys=500)]
    assert [len(page) for page in pages] == [500, 500, 1]
    assert pages[0][0] == Listed("000000000", NOON, 7, "000000000", "STANDARD")
    assert {asked["Prefix"] for asked in store.asked} == {"uploads/"}


async def test_a_listing_goes_on_after_a_key() -> None:
    store = Store(10)
    assert await keys(listing(store), after="000000006", page_keys=2) == ["000000007", "000000008", "000000009"]


@pytest.mark.usefixtures("impatient")
async def test_a_store_that_is_away_in_the_middle_is_asked_for_the_same_page_again() -> None:
    store = Store(
        30,
        refusal("SlowDown", 503),
        refusal("InternalError", 500),
        EndpointConnectionError(endpoint_url="http://x"),
        ReadTimeoutError(endpoint_url="http://x"),
        refusal("RequestTimeout", 400),
    )
    assert await keys(listing(store), page_keys=10) == [f"{number:09d}" for number in range(30)]
    assert len(store.asked) == 3 + 5


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (refusal("NoSuchBucket", 404), "There is no bucket pets"),
        (refusal("AccessDenied", 403), "s3:ListBucket"),
        (refusal("InvalidAccessKeyId", 403), "look at the credentials"),
        (refusal("InvalidRequest", 400), "cannot be listed"),
        (NoCredentialsError(), "AWS_ACCESS_KEY_ID"),
    ],
    ids=str,
)
async def test_a_refusal_is_told_with_its_remedy(error: Exception, remedy: str) -> None:
    with pytest.raises(ListingRefused, match=remedy):
        await keys(listing(Store(30, error)), page_keys=10)


@pytest.mark.parametrize("wrong", [["b", "a"], ["a", "a"], ["\uffff", "\U0001f408", "b"]])
async def test_a_store_without_order_is_refused_since_nothing_could_go_on_in_it(wrong: list[str]) -> None:
    class Unordered(Store):
        def list_objects_v2(self, **_asked: Any) -> dict[str, Any]:
            return {"Contents": [self.entry(key) for key in wrong], "IsTruncated": False}

    with pytest.raises(ListingRefused, match="order of its keys"):
        await keys(listing(Unordered(0)))


async def test_keys_are_ordered_by_their_bytes_as_s3_does() -> None:
    right = ["A", "a", "é", "\uffff", "\U0001f408"]

    class Ordered(Store):
        def list_objects_v2(self, **_asked: Any) -> dict[str, Any]:
            return {"Contents": [self.entry(key) for key in right], "IsTruncated": False}

    assert await keys(listing(Ordered(0))) == right


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("s3://pets", Place("pets")),
        ("s3://pets/", Place("pets")),
        ("s3://pets/a b+%20?#/é", Place("pets", "a b+%20?#/é")),
        ("s3://pets//x", Place("pets", "/x")),
    ],
)
def test_a_place_is_taken_as_it_is_written(text: str, place: Place) -> None:
    assert Place.from_text(text) == place


@pytest.mark.parametrize(
    "text", ["", "pets", "s3:/pets", "s3://", "s3:///x", "http://pets/x", "S3://pets", "s3://a/\udcff"]
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"A bucket is named as|not valid UTF-8"):
        Place.from_text(text)


@pytest.fixture
def peak() -> Iterator[Callable[[], int]]:
    """The most bytes that Python held since the test began."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


async def enqueued(_objects: Sequence[Listed], _known: StoredVersions) -> None:
    pass


@pytest.mark.parametrize("what", ["backfill", "reconcile"])
async def test_a_large_bucket_takes_no_more_memory_than_a_page(what: str, peak: Callable[[], int]) -> None:
    counts: Counter[str] = Counter()
    pages = listing(Store(20_000)).pages()
    if what == "backfill":
        await backfill(
            pages, Scope(), lookup=nothing_known, enqueue=enqueued, done=lambda _key, _counts: None, counts=counts
        )
    else:
        await reconcile(
            pages,
            Scope(),
            grace=timedelta(0),
            lookup=nothing_known,
            enqueue=enqueued,
            found=lambda _finding: None,
            done=lambda _key, _counts: None,
            counts=counts,
            began=datetime.now(UTC),
        )
        assert counts["missing"] == 20_000
    assert counts["listed"] == counts["enqueued"] == 20_000
    assert peak() < 4_000_000  # 20,000 objects would be more than 10 MB


def test_the_measure_of_memory_would_see_all_objects_held(peak: Callable[[], int]) -> None:
    everything = Store(20_000).list_objects_v2(MaxKeys=20_000, Prefix="")
    assert len(everything["Contents"]) == 20_000
    assert peak() > 4_000_000


async def test_only_what_was_confirmed_is_remembered() -> None:
    done: list[str] = []

    async def third_fails(objects: Sequence[Listed], _known: StoredVersions) -> None:
        if objects[0].key == "000000020":
            raise io.UnsupportedOperation

    with pytest.raises(io.UnsupportedOperation):
        await backfill(
            listing(Store(50)).pages(page_keys=10),
            Scope(),
            lookup=nothing_known,
            enqueue=third_fails,
            done=lambda key, _counts: done.append(key),
            counts=Counter(),
        )
    assert done == ["000000009", "000000019"]


async def test_a_page_of_which_nothing_is_meant_is_passed_and_remembered() -> None:
    counts: Counter[str] = Counter()
    done: list[str] = []
    asked: list[Sequence[Listed]] = []

    async def lookup(objects: Sequence[Listed]) -> StoredVersions:
        asked.append(objects)
        return {}

    findings: list[Difference] = []
    await reconcile(
        listing(Store(30)).pages(page_keys=10),
        Scope(match="*15"),
        grace=timedelta(0),
        lookup=lookup,
        enqueue=None,
        found=findings.append,
        done=lambda key, _counts: done.append(key),
        counts=counts,
        began=datetime.now(UTC),
    )
    assert done == ["000000009", "000000019", "000000029"]
    assert [[each.key for each in objects] for objects in asked] == [["000000015"]]
    assert [(each.verdict, each.listed.key) for each in findings] == [("missing", "000000015")]
    assert counts == {"listed": 30, "filtered": 29, "chosen": 1, "missing": 1}
