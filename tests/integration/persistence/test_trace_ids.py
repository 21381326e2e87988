"""The trace id of a row is that of the event that won, and the tables take no other form."""

import asyncpg
import pytest

from persistence import rejection_reads
from persistence.pool import Pool
from persistence.store import Store
from tests.records import classification, rejection

FIRST, SECOND = "1" * 32, "2" * 32


async def trace_of(pool: Pool, table: str) -> str | None:
    (row,) = await pool.fetch(f"SELECT trace_id FROM {table}")
    found: str | None = row["trace_id"]
    return found


async def test_the_trace_is_that_of_the_newest_event_in_whatever_order_they_come(store: Store, pool: Pool) -> None:
    await store.upsert([classification(version=2, trace_id=SECOND)], [rejection(version=2, trace_id=SECOND)])
    await store.upsert([classification(version=1, trace_id=FIRST)], [rejection(version=1, trace_id=FIRST)])
    await store.upsert([classification(version=2, trace_id=FIRST)], [rejection(version=2, trace_id=FIRST)])
    assert await trace_of(pool, "classification_records") == await trace_of(pool, "image_rejections") == SECOND


async def test_an_event_without_a_trace_leaves_none_of_the_event_before(store: Store, pool: Pool) -> None:
    await store.upsert([classification(version=1, trace_id=FIRST)])
    await store.upsert([classification(version=2)])
    assert await trace_of(pool, "classification_records") is None


async def test_a_rejection_is_shown_with_its_trace(store: Store, pool: Pool) -> None:
    record = rejection(trace_id=FIRST)
    await store.upsert([], [record])
    found = await rejection_reads.find(pool, record.id)
    assert found is not None
    assert found.trace_id == FIRST


@pytest.mark.parametrize("table", ["classification_records", "image_rejections"])
async def test_the_tables_refuse_what_is_no_trace_id(store: Store, pool: Pool, table: str) -> None:
    await store.upsert([classification()], [rejection()])
    for bad in (FIRST[:-1], FIRST + "1", "G" * 32, "A" * 32, ""):
        with pytest.raises(asyncpg.CheckViolationError, match=f"{table}_trace_id_check"):
            await pool.execute(f"UPDATE {table} SET trace_id = $1", bad)
    assert await pool.fetchval(
        "SELECT bool_and(convalidated) FROM pg_constraint WHERE conname = $1", f"{table}_trace_id_check"
    )
