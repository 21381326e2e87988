"""The view and what is read from it: the accounting identity stands or falls here."""

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from persistence.pool import Pool
from persistence.reads import NEXT_PAGE, Cursor, OutcomeCounts, count_outcomes, find, page_by_user
from persistence.records import ClassificationRecord, RejectionRecord
from persistence.store import Store

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(seconds=1)
Classification = Callable[..., ClassificationRecord]
Rejection = Callable[..., RejectionRecord]


async def outcome_of(pool: Pool, record: ClassificationRecord | RejectionRecord) -> str:
    rows = await pool.fetch("SELECT outcome FROM image_outcomes WHERE id = $1", record.id)
    assert len(rows) == 1, "each object once"
    return str(rows[0]["outcome"])


@pytest.mark.parametrize(
    ("of_classification", "of_rejection", "expected"),
    [
        ({"version": 2}, {"version": 1}, "cat"),
        ({"version": 1}, {"version": 2}, "rejected"),
        ({"timestamp": LATER}, {"timestamp": NOON}, "cat"),
        ({"timestamp": NOON}, {"timestamp": LATER}, "rejected"),
        ({"model_rev": 2}, {"model_rev": 1}, "cat"),
        ({"model_rev": 1}, {"model_rev": 2}, "rejected"),
        ({}, {}, "cat"),
        ({"version": 2, "timestamp": NOON, "model_rev": 1}, {"version": 1, "timestamp": LATER, "model_rev": 9}, "cat"),
        ({"timestamp": NOON, "model_rev": 9}, {"timestamp": LATER, "model_rev": 1}, "rejected"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else None,
)
async def test_an_object_with_both_rows_counts_once_as_the_newer_and_a_tie_is_the_classification(  # noqa: PLR0917 - fixtures
    store: Store,
    pool: Pool,
    classification: Classification,
    rejection: Rejection,
    of_classification: dict[str, object],
    of_rejection: dict[str, object],
    expected: str,
) -> None:
    record = classification(**of_classification)
    await store.upsert([record], [rejection(**of_rejection)])
    assert await outcome_of(pool, record) == expected
    assert (await count_outcomes(pool)).objects == 1


async def test_an_object_changes_sides_with_each_later_upload_and_never_counts_twice(
    store: Store, pool: Pool, classification: Classification, rejection: Rejection
) -> None:
    for version in range(1, 7):
        if version % 2:
            await store.upsert([classification(version=version)])
        else:
            await store.upsert([], [rejection(version=version)])
        counts = await count_outcomes(pool)
        assert (counts.classified, counts.rejected) == ((1, 0) if version % 2 else (0, 1))


async def test_an_event_that_names_no_object_is_kept_and_not_counted(
    store: Store, pool: Pool, rejection: Rejection
) -> None:
    nameless = rejection(
        reason="malformed_event", user_name=None, image_url=None, source_bucket=None, source_key=None, id=uuid.uuid4()
    )
    await store.upsert([], [nameless])
    assert await pool.fetchval("SELECT count(*) FROM image_rejections") == 1
    assert await count_outcomes(pool) == OutcomeCounts()
    assert await find(pool, nameless.id) is None


async def test_a_row_without_an_object_hides_no_outcome_of_the_other_table(
    store: Store, pool: Pool, classification: Classification, rejection: Rejection
) -> None:
    await pool.execute(
        "INSERT INTO classification_records (id, user_name, image_url, classification, confidence, processing_time, "
        "timestamp, source_sequencer) VALUES ($1, 'ann', 'old', 'dog', 0.5, 1, now(), repeat('F', 64))",
        rejection("1").id,
    )
    nameless = {"user_name": None, "image_url": None, "source_bucket": None, "source_key": None, "version": 99}
    await store.upsert([classification("2")], [rejection("1"), rejection("2", reason="malformed_event", **nameless)])
    assert await count_outcomes(pool) == OutcomeCounts(cat=1, by_reason={"undecodable": 1})


async def test_counts_are_by_label_and_by_reason(
    store: Store, pool: Pool, classification: Classification, rejection: Rejection
) -> None:
    labels = ["cat", "cat", "dog"]
    reasons = ["not_a_pet", "missing", "missing"]
    await store.upsert(
        [classification(f"c{n}", classification=label) for n, label in enumerate(labels)],
        [rejection(f"r{n}", reason=reason) for n, reason in enumerate(reasons)],
    )
    counts = await count_outcomes(pool)
    assert counts == OutcomeCounts(cat=2, dog=1, by_reason={"not_a_pet": 1, "missing": 2})
    assert (counts.classified, counts.rejected, counts.objects) == (3, 3, 6)


async def test_an_object_is_found_with_its_outcome(
    store: Store, pool: Pool, classification: Classification, rejection: Rejection
) -> None:
    await store.upsert([classification("1", classification="dog")], [rejection("2")])
    dog = await find(pool, classification("1").id)
    assert dog is not None
    assert (dog.outcome, dog.reason, dog.confidence, dog.source_key) == ("dog", None, Decimal("0.9876"), "1")
    broken = await find(pool, rejection("2").id)
    assert broken is not None
    assert (broken.outcome, broken.reason, broken.confidence) == ("rejected", "undecodable", None)
    assert await find(pool, uuid.uuid4()) is None


async def test_pages_hold_every_outcome_of_the_user_once_newest_first(
    store: Store, pool: Pool, classification: Classification, rejection: Rejection
) -> None:
    # Several at the same time, in both tables, so that the id has to break ties across a page's end.
    times = [NOON + timedelta(minutes=n // 4) for n in range(23)]
    labelled = [classification(f"c{n}", timestamp=time) for n, time in enumerate(times)]
    rejected = [rejection(f"r{n}", timestamp=time) for n, time in enumerate(times)]
    await store.upsert([*labelled, classification("bob's", user_name="bob")], rejected)
    seen: list[tuple[datetime, uuid.UUID]] = []
    after: Cursor | None = None
    while True:
        page = await page_by_user(pool, "ann", after, limit=5)
        assert len(page.outcomes) == 5 or page.after is None
        seen += [(outcome.timestamp, outcome.id) for outcome in page.outcomes]
        if page.after is None:
            break
        after = page.after
    expected = {(record.timestamp, record.id) for record in labelled} | {(r.timestamp, r.id) for r in rejected}
    assert seen == sorted(expected, reverse=True)


async def test_a_full_last_page_has_nothing_after_it(store: Store, pool: Pool, classification: Classification) -> None:
    await store.upsert([classification(str(n)) for n in range(4)])
    page = await page_by_user(pool, "ann", limit=4)
    assert (len(page.outcomes), page.after) == (4, None)


async def test_a_user_without_outcomes_has_an_empty_page(pool: Pool) -> None:
    assert (await page_by_user(pool, "nobody")).outcomes == ()


async def test_a_page_holds_at_least_one_outcome(pool: Pool) -> None:
    with pytest.raises(ValueError, match="at least one"):
        await page_by_user(pool, "ann", limit=0)


async def test_a_page_walks_the_indexes_of_both_tables_and_stops(pool: Pool) -> None:
    for table, columns, values in (
        ("classification_records", "classification, confidence, processing_time", "'cat', 0.9, 5"),
        ("image_rejections", "reason, upload_event", "'missing', ''"),
    ):
        await pool.execute(
            f"INSERT INTO {table} (id, user_name, image_url, timestamp, source_bucket, source_key, {columns}) "
            f"SELECT gen_random_uuid(), 'user' || n % 5, '', now() - n * interval '1 second', 'b', n::text, {values} "
            "FROM generate_series(1, 20000) n"
        )
    await pool.execute("ANALYZE classification_records, image_rejections")
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("PREPARE page AS " + NEXT_PAGE)
        rows = await connection.fetch(
            "EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE page ('user2', 51, now(), '00000000-0000-0000-0000-000000000000')"
        )
    scans = list(_scans(json.loads(rows[0][0])[0]["Plan"]))
    assert scans
    # Which index it walks is the planner's choice; that it reads about a page, and not 4,000 rows, is ours.
    read = [scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0) for scan in scans]
    assert max(read) < 1000, scans


def _scans(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "Relation Name" in node:
        yield node
    for child in node.get("Plans", ()):
        yield from _scans(child)
