"""The comparison of pages with what is stored and what waits."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

from streams.backfill.backfill import StoredVersions, nothing_known
from streams.backfill.listing import Listed
from streams.backfill.reconcile import Difference, reconcile
from streams.backfill.scope import Scope

BEGAN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
GRACE = timedelta(minutes=5)


def listed(key: str, age: timedelta = timedelta(days=1)) -> Listed:
    return Listed(key, BEGAN - age, 7, "etag")


async def compared(*pages: Sequence[Listed], waiting: Sequence[str] = ()) -> tuple[list[str], list[str], Counter[str]]:
    """The keys of the findings, those that were enqueued, and the counts."""
    found: list[Difference] = []
    published: list[str] = []
    counts: Counter[str] = Counter()

    async def listing() -> AsyncIterator[Sequence[Listed]]:
        for page in pages:
            yield page

    async def enqueue(objects: Sequence[Listed], _known: StoredVersions) -> None:
        published.extend(each.key for each in objects)

    await reconcile(
        listing(),
        Scope(),
        grace=GRACE,
        lookup=nothing_known,
        enqueue=enqueue,
        found=found.append,
        done=lambda _key, _counts: None,
        counts=counts,
        began=BEGAN,
        waits=lambda each: each.key in waiting,
    )
    return [each.listed.key for each in found], published, counts


async def test_what_waits_is_counted_and_neither_a_finding_nor_enqueued_again() -> None:
    found, published, counts = await compared([listed("1"), listed("2")], [listed("3")], waiting=["2"])
    assert found == published == ["1", "3"]
    assert counts == {"listed": 3, "chosen": 3, "missing": 2, "waiting": 1, "enqueued": 2}


async def test_what_was_written_since_the_run_began_is_pending_however_long_the_run_takes() -> None:
    found, _, counts = await compared([listed("during", -timedelta(hours=3)), listed("before", GRACE)])
    assert found == ["before"]
    assert counts["pending"] == 1
