"""Reading pages and totals: what comes back on a small table, and what it costs on a large one."""

import asyncio
import hashlib
import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import asyncpg
import pytest

from deploy.local.postgres import Postgres
from persistence.cache import CachedReads
from persistence.pool import DatabaseConfig, Pool, open_pool
from persistence.reads import COUNT_BY_DAY, FIND, FIND_MANY, DayCount, count_by_day, select
from persistence.records import ClassificationRecord, RejectionRecord
from persistence.selection import Cursor, InvalidSelection, Selection, page_statement
from persistence.store import Store
from persistence.versions import STORED_VERSIONS
from tests.integration.persistence.conftest import config_for
from tests.records import NOON

MakeClassification = Callable[..., ClassificationRecord]
MakeRejection = Callable[..., RejectionRecord]
NEWEST = datetime(2026, 1, 1, tzinfo=UTC)
SIZES = [pytest.param(100_000, id="100_000"), pytest.param(1_000_000, id="1_000_000", marks=pytest.mark.slow)]
YEAR_SECONDS = 365 * 24 * 60 * 60


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


@pytest.fixture
async def mixed(pool: Pool, store: Store, classification: MakeClassification, rejection: MakeRejection) -> Pool:
    await store.upsert(
        [
            classification("a", timestamp=at(0)),
            classification("b", timestamp=at(1), classification="dog"),
            classification("c", timestamp=at(2), user_name="ben"),
            classification("gone", timestamp=at(3)),
        ],
        [
            rejection("d", timestamp=at(4), reason="missing"),
            rejection("e", timestamp=at(5), user_name="ben"),
            rejection("gone", timestamp=at(6), version=2),
        ],
    )
    return pool


async def keys(pool: Pool, **selection: Any) -> list[str]:
    rows = await select(pool, Selection(columns=("source_key",), **selection))
    return [str(key) for (key,) in rows.rows]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({}, ["gone", "e", "d", "c", "b", "a"]),
        ({"user_name": "ben"}, ["e", "c"]),
        ({"outcome": "cat"}, ["c", "a"]),
        ({"outcome": "dog"}, ["b"]),
        ({"outcome": "rejected"}, ["gone", "e", "d"]),
        ({"reason": "missing"}, ["d"]),
        ({"since": at(2)}, ["gone", "e", "d", "c"]),
        ({"until": at(2)}, ["b", "a"]),
        ({"since": at(1), "until": at(5), "user_name": "ann"}, ["d", "b"]),
        ({"user_name": "' OR true --"}, []),
    ],
)
async def test_a_selection_gives_its_objects_newest_first_and_each_once(
    mixed: Pool, selection: dict[str, Any], expected: list[str]
) -> None:
    assert await keys(mixed, **selection) == expected


async def test_only_the_wanted_columns_come_back_in_the_wanted_order(mixed: Pool) -> None:
    page = await select(mixed, Selection(columns=("outcome", "user_name"), reason="missing"))
    assert page.columns == ("outcome", "user_name")
    assert page.rows == (("rejected", "ann"),)


async def test_pages_cover_everything_once_while_rows_of_one_moment_are_parted_and_new_ones_arrive(
    pool: Pool, store: Store, classification: MakeClassification, rejection: MakeRejection
) -> None:
    """Half of the rows share one timestamp, in both tables: only the id parts them."""
    await store.upsert(
        [classification(f"c{n}", timestamp=at(n // 2 * (n % 2))) for n in range(20)],
        [rejection(f"r{n}", timestamp=at(0)) for n in range(10)],
    )
    seen: list[object] = []
    after = None
    while True:
        page = await select(pool, Selection(columns=("source_key",)), after, limit=3)
        seen += [key for (key,) in page.rows]
        if page.after is None:
            break
        after = Cursor.from_text(page.after.to_text())
        await store.upsert([classification(f"late{len(seen)}", timestamp=at(1000))])
    assert len(seen) == len(set(seen)) == 30


@pytest.mark.parametrize("limit", [0, -1, 10_001])
async def test_a_page_without_rows_or_without_end_is_refused(pool: Pool, limit: int) -> None:
    with pytest.raises(InvalidSelection, match="1 to 10,000"):
        await select(pool, Selection(), limit=limit)


async def test_days_are_counted_by_outcome_in_utc(mixed: Pool) -> None:
    day = NOON.date()
    assert await count_by_day(mixed, NOON - timedelta(days=1), NOON + timedelta(days=1)) == [
        DayCount(day, "cat", 2),
        DayCount(day, "dog", 1),
        DayCount(day, "rejected", 3),
    ]
    assert await count_by_day(mixed, NOON - timedelta(days=1), NOON) == []


async def test_days_beyond_a_year_are_refused_before_they_are_read(pool: Pool) -> None:
    with pytest.raises(InvalidSelection, match="at most 366 days"):
        await count_by_day(pool, NOON - timedelta(days=400), NOON)


class Large(NamedTuple):
    config: DatabaseConfig
    rows: int


@pytest.fixture(scope="module", params=SIZES)
def large(request: pytest.FixtureRequest, postgres: Postgres, template: str) -> Iterator[Large]:
    """A year of objects of 1,000 users, one in ten rejected; never written to by the tests."""
    name, rows = "large", request.param
    postgres.create_database(name, template=template)
    shared = (
        "md5(n::text)::uuid, 'user' || n % 1000, 's3://photos/' || n, "
        f"'{NEWEST.isoformat()}'::timestamptz - n * interval '{YEAR_SECONDS / rows} seconds', 'photos', n::text"
    )
    columns = "id, user_name, image_url, timestamp, source_bucket, source_key"
    import psycopg

    with psycopg.connect(postgres.dsn(name), autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET maintenance_work_mem = '128MB'")
        # Filled first and indexed afterwards: a third of the time.
        indexes = connection.execute(
            "SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
            "WHERE i.indrelid IN ('classification_records'::regclass, 'image_rejections'::regclass) "
            "AND NOT i.indisprimary"
        ).fetchall()
        for index, _ in indexes:
            connection.execute(f"DROP INDEX {index}")
        connection.execute(
            f"INSERT INTO classification_records ({columns}, classification, confidence, processing_time) "
            f"SELECT {shared}, CASE WHEN n % 3 = 0 THEN 'cat' ELSE 'dog' END, "
            "CASE WHEN n % 20 = 1 THEN (n % 397 + 1) / 400.0 ELSE 0.95 END, 5 "
            f"FROM generate_series(1, {rows}) n WHERE n % 10 <> 0"
        )
        connection.execute(
            f"INSERT INTO image_rejections ({columns}, reason, upload_event) "
            f"SELECT {shared}, CASE WHEN n % 100 = 0 THEN 'missing' ELSE 'not_a_pet' END, '' "
            f"FROM generate_series(1, {rows}) n WHERE n % 10 = 0"
        )
        for _, definition in indexes:
            connection.execute(definition)
        connection.execute("VACUUM (ANALYZE) classification_records, image_rejections")
    yield Large(config_for(postgres, name), rows)
    postgres.drop_database(name)


MIDDLE = Cursor(NEWEST - timedelta(days=180), uuid.UUID(int=2**127))
PAGES = {
    "all": Selection(),
    "by user": Selection(user_name="user7"),
    "by user and class": Selection(user_name="user7", outcome="cat"),
    "by user and range": Selection(user_name="user7", since=NEWEST - timedelta(days=200), until=NEWEST),
    "cats": Selection(outcome="cat"),
    "rejected": Selection(outcome="rejected"),
    "by reason": Selection(reason="missing"),
    "by user and reason": Selection(user_name="user7", reason="missing"),
    "by range": Selection(since=NEWEST - timedelta(days=200), until=NEWEST - timedelta(days=100)),
    "cats in a range": Selection(outcome="cat", until=NEWEST - timedelta(days=100)),
    "unsure": Selection(confidence_below=Decimal("0.9")),
    "very unsure": Selection(confidence_below=Decimal("0.05")),
    "unsure as none is": Selection(confidence_below=Decimal("0.001"), outcome="cat"),
    "unsure in a week": Selection(
        confidence_below=Decimal("0.8"), since=NEWEST - timedelta(days=107), until=NEWEST - timedelta(days=100)
    ),
    "unsure of one user": Selection(confidence_below=Decimal("0.9"), user_name="user7"),
    "less than certain": Selection(confidence_below=Decimal("0.99")),
    "a user nobody knows": Selection(user_name="nobody"),
}


def id_of(number: int) -> uuid.UUID:
    """As the rows below are made."""
    return uuid.UUID(hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest())


def statements(rows: int) -> dict[str, tuple[str, list[object], int]]:
    """By name: the statement, its values, and how many rows a scan of it may read."""
    ids = [id_of(n) for n in range(1, rows, 2_000)]  # of many more, a small table is rightly read whole
    found: dict[str, tuple[str, list[object], int]] = {}
    for name, selection in PAGES.items():
        found[f"{name}, first page"] = (*page_statement(selection, None, 51), 2_000)
        found[f"{name}, later page"] = (*page_statement(selection, MIDDLE, 51), 2_000)
    found["one by id"] = (FIND, [id_of(1)], 2)
    found["many by id"] = (FIND_MANY, [ids], len(ids))
    found["versions by id"] = (STORED_VERSIONS, [ids], len(ids))
    return found


@pytest.mark.parametrize("name", statements(0))
async def test_in_a_large_table_every_statement_reads_by_index_and_no_more_than_it_needs(
    large: Large, name: str
) -> None:
    statement, values, most = statements(large.rows)[name]
    async with await open_pool(large.config) as pool:
        explained = await _explained(pool, statement, values)
    scans = list(_scans(explained["Plan"]))
    assert scans
    assert not [scan for scan in scans if scan["Node Type"] == "Seq Scan"], scans
    read = [(scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0)) * scan["Actual Loops"] for scan in scans]
    assert max(read) <= most, scans


async def test_counting_days_reads_both_ranges_by_index(large: Large) -> None:
    """Whether an object's other row is looked up or hashed is the planner's choice; a week is not a year is ours."""
    async with await open_pool(large.config) as pool:
        explained = await _explained(pool, COUNT_BY_DAY, [NEWEST - timedelta(days=100), NEWEST - timedelta(days=93)])
    by_time = {node["Index Name"] for node in _nodes(explained["Plan"]) if "timestamp" in node.get("Index Cond", "")}
    assert by_time >= {"idx_classification_records_timestamp", "idx_image_rejections_timestamp_id"}


async def _explained(pool: Pool, statement: str, values: list[object]) -> dict[str, Any]:
    async with pool.acquire() as connection:
        text = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *values)
    explained: dict[str, Any] = json.loads(text)[0]
    return explained


def _scans(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (each for each in _nodes(node) if "Relation Name" in each)


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


async def test_a_generic_plan_reads_by_index_too(large: Large) -> None:
    """A pooler that prepares statements makes the planner choose without the values."""
    statement, values = page_statement(Selection(user_name="user7"), MIDDLE, 51)
    connection = await asyncpg.connect(
        host=large.config.host,
        port=large.config.port,
        user=large.config.username,
        password=str(large.config.password),
        database=large.config.database,
    )
    try:
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        text = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *values)
    finally:
        await connection.close()
    assert "Seq Scan" not in {scan["Node Type"] for scan in _scans(json.loads(text)[0]["Plan"])}


async def test_a_burst_for_the_first_page_makes_one_query_and_later_pages_are_always_fresh(
    mixed: Pool, store: Store, classification: MakeClassification
) -> None:
    cached = CachedReads(mixed)
    wanted = Selection(columns=("source_key",))
    first, *others = await asyncio.gather(*(cached.select(wanted, limit=2) for _ in range(20)))
    assert all(other is first for other in others)
    counts = await cached.count_outcomes()
    await store.upsert([classification("new", timestamp=at(2), user_name="cy")])
    assert await cached.select(wanted, limit=2) is first
    assert await cached.count_outcomes() is counts
    later = await cached.select(wanted, Cursor(at(3), uuid.UUID(int=0)), limit=3)
    assert ("new",) in later.rows
