from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from persistence import rejection_reads
from persistence.errors import PersistenceError
from persistence.pool import Pool
from persistence.records import ClassificationRecord, RejectionRecord
from persistence.rejection_reads import RejectionFilter, RejectionPage
from persistence.selection import InvalidSelection
from persistence.store import Store
from tests.records import object_id

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
async def filled(
    store: Store,
    pool: Pool,
    classification: Callable[..., ClassificationRecord],
    rejection: Callable[..., RejectionRecord],
) -> Pool:
    """Six that stand, most of one time, one of another bucket, one that names no object; and one that does not."""
    nowhere = {"source_bucket": None, "source_key": None, "image_url": None, "user_name": None}
    await store.upsert(
        [classification("mended.jpg"), classification("again.jpg", version=1)],
        [
            *(rejection(f"a/{n}.jpg", reason="forbidden", user_name="ann") for n in range(2)),
            rejection("b/%_.jpg", reason="no_user", user_name=None),
            rejection("mended.jpg", reason="missing"),
            rejection("again.jpg", version=2, reason="not_a_pet"),
            rejection("late.jpg", source_bucket="others", reason="missing", timestamp=NOON + timedelta(hours=1)),
            rejection("x", reason="malformed_event", upload_event=b"\xff", **nowhere),
        ],
    )
    return pool


async def keys(pool: Pool, **wanted: object) -> set[str | None]:
    page = await rejection_reads.page(pool, RejectionFilter(**wanted))  # type: ignore[arg-type]  # the caller's names
    assert await rejection_reads.count(pool, RejectionFilter(**wanted)) == len(page.rejections)  # type: ignore[arg-type]
    return {rejection.source_key for rejection in page.rejections}


STANDING = {"a/0.jpg", "a/1.jpg", "b/%_.jpg", "again.jpg", "late.jpg", None}


async def test_what_has_another_outcome_does_not_stand_and_what_names_no_object_does(filled: Pool) -> None:
    assert await keys(filled) == STANDING
    assert await keys(filled, superseded=True) == STANDING | {"mended.jpg"}
    page = await rejection_reads.page(filled, RejectionFilter(superseded=True))
    assert {each.source_key for each in page.rejections if not each.stands} == {"mended.jpg"}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"reasons": ("forbidden",)}, {"a/0.jpg", "a/1.jpg"}),
        ({"reasons": ("forbidden", "no_user")}, {"a/0.jpg", "a/1.jpg", "b/%_.jpg"}),
        ({"reasons": ("malformed_event",)}, {None}),
        ({"user_name": "ann", "reasons": ("missing",), "superseded": True}, {"mended.jpg", "late.jpg"}),
        ({"since": NOON + timedelta(hours=1)}, {"late.jpg"}),
        ({"since": NOON, "until": NOON + timedelta(hours=1)}, STANDING - {"late.jpg"}),
        ({"bucket": "others"}, {"late.jpg"}),
        ({"prefix": "a/"}, {"a/0.jpg", "a/1.jpg"}),
        ({"prefix": "b/%_"}, {"b/%_.jpg"}),
        ({"prefix": "%"}, set()),
        ({"ids": (object_id("a/0.jpg"), object_id("mended.jpg"))}, {"a/0.jpg"}),
        ({"reasons": ("missing",), "bucket": "photos"}, set()),
    ],
    ids=lambda case: str(case) if isinstance(case, dict) else f"{len(case)} keys",  # a set has no order of its own
)
async def test_a_filter_selects_what_it_names(
    filled: Pool, wanted: dict[str, object], expected: set[str | None]
) -> None:
    assert await keys(filled, **wanted) == expected


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7])
async def test_pages_have_each_rejection_once_newest_first_also_at_one_time(filled: Pool, limit: int) -> None:
    pages: list[RejectionPage] = []
    after = None
    while not pages or (after := pages[-1].after) is not None:
        pages.append(await rejection_reads.page(filled, RejectionFilter(), after, limit=limit))
        assert len(pages) <= 6
    found = [each for page in pages for each in page.rejections]
    assert len(found) == 6
    assert {each.source_key for each in found} == STANDING
    assert found == sorted(found, key=lambda each: (each.timestamp, each.id), reverse=True)
    assert len(pages) == -(-6 // limit)


async def test_the_event_comes_where_it_is_asked_for(filled: Pool) -> None:
    malformed = RejectionFilter(reasons=("malformed_event",))
    (without,) = (await rejection_reads.page(filled, malformed)).rejections
    (whole,) = (await rejection_reads.page(filled, malformed, events=True)).rejections
    assert (without.upload_event, whole.upload_event) == (None, b"\xff")


async def test_one_is_found_whether_it_stands_or_not(filled: Pool) -> None:
    found = await rejection_reads.find(filled, object_id("mended.jpg"))
    assert found is not None
    assert (found.reason, found.stands, found.upload_event) == ("missing", False, b'{"Records":[]}')
    assert await rejection_reads.find(filled, object_id("nobody's")) is None


@pytest.mark.parametrize("limit", [0, 10_001])
async def test_a_page_has_its_bounds(filled: Pool, limit: int) -> None:
    with pytest.raises(InvalidSelection, match="a page holds 1 to 10,000"):
        await rejection_reads.page(filled, RejectionFilter(), limit=limit)


async def test_a_filter_that_is_no_text_for_postgresql_is_our_error(filled: Pool) -> None:
    with pytest.raises(PersistenceError):
        await rejection_reads.page(filled, RejectionFilter(user_name="nul\0"))


async def test_a_page_of_many_rejections_looks_up_only_its_own(filled: Pool) -> None:
    await filled.execute(
        "INSERT INTO image_rejections (id, user_name, reason, timestamp, source_bucket, source_key, upload_event) "
        "SELECT gen_random_uuid(), 'u' || n % 50, 'missing', now() - n * interval '1 second', 'b', 'k' || n, '' "
        "FROM generate_series(1, 20000) n"
    )
    await filled.execute("ANALYZE image_rejections")
    for wanted in (RejectionFilter(), RejectionFilter(reasons=("missing",)), RejectionFilter(user_name="u1")):
        statement, values = rejection_reads.page_statement(wanted, None, 51)
        plan = "\n".join(row[0] for row in await filled.fetch(f"EXPLAIN {statement}", *values))
        assert "Seq Scan on image_rejections" not in plan, plan
        assert "hashed" not in plan, plan
