import asyncio
import random
import uuid
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persistence.pool import DatabaseConfig, Pool, open_pool
from persistence.records import LABELS, REASONS, ClassificationRecord, RejectionRecord
from persistence.store import Store, Upserted, write
from persistence.upsert import UPSERT_CLASSIFICATIONS
from tests.records import sequencer

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
Classification = Callable[..., ClassificationRecord]
Rejection = Callable[..., RejectionRecord]


async def rows(pool: Pool, table: str = "classification_records") -> list[dict[str, Any]]:
    return [dict(row) for row in await pool.fetch(f"SELECT xmin, xmax, ctid, * FROM {table} ORDER BY id")]


async def test_a_new_record_is_stored_in_every_column(store: Store, pool: Pool, classification: Classification) -> None:
    record = classification(source_version_id="v1", source_etag="abc", processing_time=2**31 - 1)
    assert await store.upsert([record]) == Upserted(inserted=1)
    (row,) = await rows(pool)
    assert {name: row[name] for name in (field.name for field in fields(record))} == {
        field.name: getattr(record, field.name) for field in fields(record)
    }
    assert row["created_at"] == row["updated_at"]


async def test_a_new_rejection_is_stored_in_every_column(store: Store, pool: Pool, rejection: Rejection) -> None:
    record = rejection(source_version_id="v1", source_etag="abc", upload_event=bytes(range(256)))
    assert await store.upsert([], [record]) == Upserted(inserted=1)
    (row,) = await rows(pool, "image_rejections")
    assert {name: row[name] for name in (field.name for field in fields(record))} == {
        field.name: getattr(record, field.name) for field in fields(record)
    }


async def test_a_malformed_event_is_stored_without_an_object(store: Store, pool: Pool, rejection: Rejection) -> None:
    record = rejection(
        reason="malformed_event", user_name=None, image_url=None, source_bucket=None, source_key=None, model_name=None
    )
    assert await store.upsert([], [record]) == Upserted(inserted=1)
    (row,) = await rows(pool, "image_rejections")
    assert row["source_bucket"] is row["source_key"] is row["user_name"] is row["image_url"] is None


async def test_nothing_to_store_is_no_statement(store: Store) -> None:
    assert await store.upsert([], []) == Upserted()


async def test_a_replay_touches_no_row(
    store: Store, pool: Pool, classification: Classification, rejection: Rejection
) -> None:
    labelled = [classification(str(n)) for n in range(20)]
    rejected = [rejection(str(n)) for n in range(20, 30)]
    assert await store.upsert(labelled, rejected) == Upserted(inserted=30)
    before = await rows(pool), await rows(pool, "image_rejections")
    assert await store.upsert(labelled, rejected) == Upserted(stale=30)
    # Not even locked: a lock would show in xmax, a rewrite in xmin and ctid.
    assert (await rows(pool), await rows(pool, "image_rejections")) == before


async def test_the_same_version_with_another_processing_time_is_a_replay(
    store: Store, pool: Pool, classification: Classification
) -> None:
    await store.upsert([classification(processing_time=10)])
    assert await store.upsert([classification(processing_time=99)]) == Upserted(stale=1)
    assert [row["processing_time"] for row in await rows(pool)] == [10]


async def test_the_later_upload_wins_whatever_arrives_first(
    store: Store, pool: Pool, classification: Classification
) -> None:
    assert await store.upsert([classification(version=2, classification="dog")]) == Upserted(inserted=1)
    assert await store.upsert([classification(version=1)]) == Upserted(stale=1)
    assert await store.upsert([classification(version=3, classification="cat")]) == Upserted(updated=1)
    assert [row["classification"] for row in await rows(pool)] == ["cat"]


async def test_sequencers_compare_as_text_from_the_left_whatever_their_length(
    store: Store, pool: Pool, classification: Classification
) -> None:
    cat, dog = ("55AED6DCD90281E5".ljust(64, "0"), "55AED6DCD91".ljust(64, "0"))
    await store.upsert([classification(source_sequencer=cat, classification="cat")])
    assert await store.upsert([classification(source_sequencer=dog, classification="dog")]) == Upserted(updated=1)
    assert await store.upsert([classification(source_sequencer=cat, classification="cat")]) == Upserted(stale=1)
    assert [row["classification"] for row in await rows(pool)] == ["dog"]


async def test_among_equal_sequencers_the_later_time_wins_and_then_the_newer_model(
    store: Store, classification: Classification
) -> None:
    later = NOON + timedelta(microseconds=1)
    await store.upsert([classification(model_rev=5)])
    assert await store.upsert([classification(model_rev=1, timestamp=later)]) == Upserted(updated=1)
    assert await store.upsert([classification(model_rev=9)]) == Upserted(stale=1)
    assert await store.upsert([classification(model_rev=2, timestamp=later)]) == Upserted(updated=1)
    assert await store.upsert([classification(model_rev=2, timestamp=later)]) == Upserted(stale=1)


async def test_a_real_upload_beats_an_event_of_our_own_making_and_a_newer_model(
    store: Store, classification: Classification
) -> None:
    await store.upsert([classification(version=0, timestamp=NOON + timedelta(days=9), model_rev=9)])
    assert await store.upsert([classification(version=1, model_rev=1)]) == Upserted(updated=1)


async def test_rows_from_before_the_source_columns_are_replaced_by_any_event(
    store: Store, pool: Pool, classification: Classification
) -> None:
    record = classification()
    await pool.execute(
        "INSERT INTO classification_records (id, user_name, image_url, classification, confidence, processing_time, "
        "timestamp) VALUES ($1, 'ann', 'old', 'dog', 0.5, 1, now())",
        record.id,
    )
    assert await store.upsert([record]) == Upserted(updated=1)


async def test_of_duplicates_in_a_batch_the_newest_is_stored(
    store: Store, pool: Pool, classification: Classification
) -> None:
    batch = [classification(version=version, processing_time=version) for version in (2, 4, 1, 4, 3)]
    assert await store.upsert(batch) == Upserted(inserted=1, stale=4)
    assert [row["processing_time"] for row in await rows(pool)] == [4]


@pytest.mark.parametrize("field", ["source_sequencer", "timestamp", "model_rev"])
async def test_of_duplicates_in_a_batch_that_differ_in_one_field_the_greater_is_stored(
    store: Store, pool: Pool, classification: Classification, field: str
) -> None:
    versions: dict[str, list[Any]] = {
        "source_sequencer": [sequencer(n) for n in range(4)],
        "timestamp": [NOON + timedelta(seconds=n) for n in range(4)],
        "model_rev": list(range(4)),
    }
    values = versions[field]
    for key, order in (("1", (0, 1, 2, 3)), ("2", (3, 2, 1, 0)), ("3", (1, 3, 0, 2))):
        batch = [classification(key, processing_time=n, **{field: values[n]}) for n in order]
        assert await store.upsert(batch) == Upserted(inserted=1, stale=3)
    assert [row["processing_time"] for row in await rows(pool)] == [3, 3, 3]


async def test_an_update_moves_updated_at_and_keeps_created_at(
    store: Store, pool: Pool, classification: Classification
) -> None:
    await store.upsert([classification(version=1)])
    (first,) = await rows(pool)
    await store.upsert([classification(version=2)])
    (second,) = await rows(pool)
    assert second["created_at"] == first["created_at"]
    assert second["updated_at"] > first["updated_at"]


async def test_both_tables_are_written_in_one_transaction(
    store: Store, pool: Pool, classification: Classification, rejection: Rejection
) -> None:
    await store.upsert([classification("1")], [rejection("2")])
    (labelled,), (rejected,) = await rows(pool), await rows(pool, "image_rejections")
    assert labelled["xmin"] == rejected["xmin"]


async def test_text_that_looks_like_sql_is_text(store: Store, pool: Pool, classification: Classification) -> None:
    key = "uploads/a'); DROP TABLE classification_records; --/{é,ü}\\\".jpg"
    await store.upsert([classification(key)])
    assert [row["source_key"] for row in await rows(pool)] == [key]


async def test_statements_run_without_prepared_names_so_that_poolers_may_share_connections(
    store: Store, pool: Pool, classification: Classification
) -> None:
    await store.upsert([classification()])
    async with pool.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''") == 0


class Event(NamedTuple):
    """One version of one object, in one of the two tables."""

    key: int
    rejected: bool
    sequencer: int
    minute: int
    model_rev: int

    @property
    def version(self) -> tuple[int, int, int]:
        return self.sequencer, self.minute, self.model_rev


small = st.integers(0, 2)
events = st.lists(st.builds(Event, small, st.booleans(), small, small, small), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events, st.randoms(use_true_random=False), st.integers(1, 5))
async def test_any_order_and_repetition_gives_the_same_tables(  # noqa: PLR0917 - fixtures and strategies
    store: Store,
    pool: Pool,
    classification: Classification,
    rejection: Rejection,
    events: list[Event],
    chance: random.Random,
    batch_size: int,
) -> None:
    example = uuid.uuid4().hex  # new objects for each example: nothing has to be deleted between them
    labels, reasons = sorted(LABELS), sorted(REASONS)

    def record(event: Event) -> ClassificationRecord | RejectionRecord:
        shared: dict[str, Any] = {
            "version": event.sequencer,
            "timestamp": NOON + timedelta(minutes=event.minute),
            "model_rev": event.model_rev,
        }
        content = sum(event.version)
        if event.rejected:
            return rejection(f"{example}/{event.key}", reason=reasons[content % len(reasons)], **shared)
        return classification(f"{example}/{event.key}", classification=labels[content % 2], **shared)

    delivered = events + chance.choices(events, k=len(events))
    chance.shuffle(delivered)
    total = Upserted()
    for start in range(0, len(delivered), batch_size):
        batch = [record(event) for event in delivered[start : start + batch_size]]
        total += await store.upsert(
            [r for r in batch if isinstance(r, ClassificationRecord)],
            [r for r in batch if isinstance(r, RejectionRecord)],
        )

    newest: dict[tuple[int, bool], Event] = {}
    for event in sorted(events, key=lambda event: event.version):
        newest[event.key, event.rejected] = event
    expected = {(record(event).id, event.rejected, _content(record(event))) for event in newest.values()}
    stored = await pool.fetch(
        "SELECT id, false, classification, source_sequencer, timestamp, model_rev FROM classification_records "
        "WHERE source_key LIKE $1 UNION ALL "
        "SELECT id, true, reason, source_sequencer, timestamp, model_rev FROM image_rejections "
        "WHERE source_key LIKE $1",
        f"{example}/%",
    )
    assert {(row[0], row[1], tuple(row)[2:]) for row in stored} == expected
    assert len(stored) == total.inserted == len(newest)
    assert total.rows == len(delivered)


def _content(record: ClassificationRecord | RejectionRecord) -> tuple[object, ...]:
    what = record.classification if isinstance(record, ClassificationRecord) else record.reason
    return what, record.source_sequencer, record.timestamp, record.model_rev


async def test_writers_that_overlap_never_deadlock_and_leave_the_newest(
    database: DatabaseConfig, pool: Pool, classification: Classification, rejection: Rejection
) -> None:
    keys, versions, writers = 40, 4, 4
    labelled = [classification(str(k), version=v, processing_time=v) for k in range(keys) for v in range(versions)]
    rejected = [rejection(str(k), version=v, detail=str(v)) for k in range(keys) for v in range(versions)]

    async def write(seed: int, own: Pool) -> None:
        chance = random.Random(seed)
        store = Store(own)
        for _ in range(12):  # any deadlock would surface as a TransientPersistenceError here
            await store.upsert(chance.sample(labelled, 60), chance.sample(rejected, 60))
        await store.upsert(labelled, rejected)

    async with AsyncExitStack() as stack:
        pools = [await stack.enter_async_context(await open_pool(database)) for _ in range(writers)]
        async with asyncio.TaskGroup() as group:
            for seed, own in enumerate(pools):
                group.create_task(write(seed, own))
    assert [row["processing_time"] for row in await rows(pool)] == [versions - 1] * keys
    assert [row["detail"] for row in await rows(pool, "image_rejections")] == [str(versions - 1)] * keys


async def test_the_guard_rechecks_what_a_concurrent_writer_committed(
    database: DatabaseConfig, pool: Pool, classification: Classification
) -> None:
    # The older writer takes its snapshot while the row does not exist, and waits for the newer one's commit.
    older, newer = classification(version=1), classification(version=2, classification="dog")
    connection = await asyncpg.connect(
        host=database.host,
        port=database.port,
        database=database.database,
        user=database.username,
        password=str(database.password),
    )
    try:
        async with connection.transaction():
            await write(connection, UPSERT_CLASSIFICATIONS, [newer])
            waiting = asyncio.create_task(Store(pool).upsert([older]))
            await _until_somebody_waits(connection)
    finally:
        await connection.close()
    assert await waiting == Upserted(stale=1)
    assert [row["classification"] for row in await rows(pool)] == ["dog"]


async def _until_somebody_waits(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    async with asyncio.timeout(60):
        while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)


async def test_a_batch_looks_its_rows_up_and_never_reads_the_whole_table(
    store: Store, pool: Pool, classification: Classification
) -> None:
    stored = [classification(str(n)) for n in range(4000)]
    await store.upsert(stored)
    await pool.execute("ANALYZE classification_records")
    batch = zip(*[[getattr(record, field.name) for field in fields(record)] for record in stored[:500]], strict=True)
    plan = "\n".join(row[0] for row in await pool.fetch("EXPLAIN " + UPSERT_CLASSIFICATIONS, *batch))
    assert "Index Scan using classification_records_pkey" in plan, plan
    assert "Seq Scan" not in plan, plan


async def test_a_decimal_is_stored_as_it_was_rounded(store: Store, pool: Pool, classification: Classification) -> None:
    confidences: Sequence[Decimal] = [
        Decimal(0),
        Decimal("0.0001"),
        Decimal("0.99995").quantize(Decimal("0.0001")),
        Decimal(1),
    ]
    await store.upsert([classification(str(n), confidence=value) for n, value in enumerate(confidences)])
    assert sorted(row["confidence"] for row in await rows(pool)) == sorted(confidences)
