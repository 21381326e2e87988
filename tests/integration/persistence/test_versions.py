"""What a listing is compared with: the newest of an object's rows, for many objects in one statement."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from persistence.pool import Pool
from persistence.records import ClassificationRecord, RejectionRecord
from persistence.store import Store
from persistence.versions import STORED_VERSIONS, StoredVersion, stored_versions
from tests.records import NOON, object_id, sequencer

Make = Callable[..., ClassificationRecord]
Reject = Callable[..., RejectionRecord]
Both = tuple[list[ClassificationRecord], list[RejectionRecord]]


async def version_of(pool: Pool, key: str) -> StoredVersion | None:
    return (await stored_versions(pool, [object_id(key)])).get(object_id(key))


async def test_each_object_is_found_with_what_its_row_says(
    pool: Pool, store: Store, classification: Make, rejection: Reject
) -> None:
    await store.upsert([classification("cat", version=3, source_etag="e1")], [rejection("bad", reason="missing")])
    found = await stored_versions(pool, [object_id("cat"), object_id("bad"), object_id("unknown")])
    assert found == {
        object_id("cat"): StoredVersion(sequencer(3), NOON, 1, "e1", None),
        object_id("bad"): StoredVersion(sequencer(1), NOON, 1, None, "missing"),
    }


@pytest.fixture
def both(classification: Make, rejection: Reject) -> Callable[..., Both]:
    """Makes two rows of one object, the rejection changed."""
    return lambda change: ([classification("a")], [rejection("a", **change)])


async def test_nothing_asked_is_nothing_found(pool: Pool) -> None:
    assert await stored_versions(pool, []) == {}


@pytest.mark.parametrize(
    ("change", "newer"),
    [
        ({"version": 2}, "rejection"),
        ({"timestamp": NOON + timedelta(microseconds=1)}, "rejection"),
        ({"model_rev": 2}, "rejection"),
        ({}, "classification"),
        ({"timestamp": NOON - timedelta(microseconds=1)}, "classification"),
        ({"model_rev": 0}, "classification"),
    ],
    ids=str,
)
async def test_of_two_rows_the_newer_one_stands_and_a_tie_goes_to_the_label(
    store: Store, pool: Pool, both: Callable[..., Both], change: dict[str, object], newer: str
) -> None:
    await store.upsert(*both(change))
    found = await version_of(pool, "a")
    assert found is not None
    assert (found.reason is None) == (newer == "classification")


async def test_of_two_sequencers_the_greater_one_stands_whatever_the_databases_collation(
    pool: Pool, store: Store, classification: Make, rejection: Reject
) -> None:
    # In most collations digits and letters sort as in ASCII, but not in all: the column says COLLATE "C".
    await store.upsert([classification("a", version=0x0A)], [rejection("a", version=0x09)])
    found = await version_of(pool, "a")
    assert found is not None
    assert found.sequencer == sequencer(0x0A)


async def test_the_lookup_goes_by_the_primary_keys(pool: Pool) -> None:
    for table, columns, values in (
        ("classification_records", "classification, confidence, processing_time", "'cat', 0.9, 7"),
        ("image_rejections", "reason, upload_event", "'malformed_event', ''"),
    ):
        await pool.execute(
            f"INSERT INTO {table} (id, user_name, image_url, timestamp, {columns}) "
            f"SELECT gen_random_uuid(), 'ann', '', now(), {values} FROM generate_series(1, 20000)"
        )
        await pool.execute(f"ANALYZE {table}")
    ids = [object_id(str(number)) for number in range(20)]
    plan = "\n".join(row[0] for row in await pool.fetch(f"EXPLAIN {STORED_VERSIONS}", ids))
    assert "classification_records_pkey" in plan
    assert "image_rejections_pkey" in plan
    assert "Seq Scan" not in plan
