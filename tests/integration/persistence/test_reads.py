"""Reading pages and totals: what comes back on a small table, and what it costs on a large one."""

import asyncio
import hashlib
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import asyncpg
import pytest

from deploy.local.postgres import Postgres
from persistence import rejection_reads
from persistence.cache import CachedReads
from persistence.keyset import LEAST_SURE, OLDEST, ConfidenceCursor
from persistence.pool import DatabaseConfig, Pool, open_pool
from persistence.reads import COUNT_BY_DAY, FIND, FIND_MANY, DayCount, count, count_by_day, select
from persistence.records import ClassificationRecord, RejectionRecord
from persistence.rejection_reads import RejectionFilter
from persistence.selection import LIMIT_MAX, Cursor, InvalidSelection, Selection, count_statement, page_statement
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


NAMED = {
    "uploads/Ann/Whiskers-1.jpg": {"user_name": "Ann"},
    "uploads/joanna/IMG_2.jpg": {"user_name": "joanna"},
    "uploads/al/100%_sure.png": {"user_name": "al"},
    "scans/whiskers/x.png": {"user_name": "carol"},
}


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("ANN", {"Whiskers-1.jpg", "IMG_2.jpg"}),
        ("whisk", {"Whiskers-1.jpg"}),  # of a file, not of its folder
        ("ann/whisk", {"Whiskers-1.jpg"}),
        ("al", {"100%_sure.png"}),  # two letters: where a name begins
        ("im", {"IMG_2.jpg"}),
        ("ar", set()),
        ("100%", {"100%_sure.png"}),
        ("0_", set()),
        ("1%", set()),
        ("Müller", set()),
        ("g_2.j", {"IMG_2.jpg"}),
    ],
)
async def test_a_part_of_a_users_or_files_name_finds_its_objects_in_both_tables(  # noqa: PLR0917 - fixtures
    pool: Pool,
    store: Store,
    classification: MakeClassification,
    rejection: MakeRejection,
    part: str,
    expected: set[str],
) -> None:
    nowhere = rejection("x", reason="malformed_event", user_name=None, source_bucket=None, source_key=None)
    await store.upsert([classification(key, **of) for key, of in NAMED.items()], [nowhere])
    for _ in range(2):
        assert {key.rpartition("/")[2] for key in await keys(pool, name_part=part)} == expected
        assert await count(pool, Selection(name_part=part), most=10) == len(expected)
        await store.upsert([], [rejection(key, version=2, **of) for key, of in NAMED.items()])
    page = await rejection_reads.page(pool, RejectionFilter(name_part=part))
    assert {str(each.source_key).rpartition("/")[2] for each in page.rejections} == expected
    assert await rejection_reads.count(pool, RejectionFilter(name_part=part), most=10) == len(expected)


async def test_a_rejection_without_a_user_is_found_by_its_file(
    pool: Pool, store: Store, rejection: MakeRejection
) -> None:
    await store.upsert([], [rejection("lost.jpg", reason="no_user", user_name=None)])
    assert await keys(pool, name_part="lost") == ["lost.jpg"]


async def test_a_count_is_exact_up_to_its_bound(mixed: Pool) -> None:
    assert [await count(mixed, Selection(), most=most) for most in (5, 6, 7)] == [5, 6, 6]
    assert await count(mixed, Selection(outcome="cat", user_name="ben"), most=5) == 1
    assert [await rejection_reads.count(mixed, RejectionFilter(), most=most) for most in (2, 3, 4)] == [2, 3, 3]


async def paged(pool: Pool, selection: Selection) -> list[str]:
    """Read in pages of two."""
    seen: list[str] = []
    after = None
    while True:
        page = await select(pool, selection, after, limit=2)
        seen += [str(key) for (key,) in page.rows]
        if page.after is None:
            return seen
        after = selection.cursor(page.after.to_text())


async def test_pages_go_on_in_each_order_also_where_keys_are_equal(
    pool: Pool, store: Store, classification: MakeClassification, rejection: MakeRejection
) -> None:
    confidences = ["0.5000", "1.0000", "0.5000", "0.6100", "0.5000", "0.0001", "0.6100"]
    await store.upsert(
        [
            classification(f"c{n}", timestamp=at(n // 3), confidence=Decimal(confidence))
            for n, confidence in enumerate(confidences)
        ],
        [rejection("r", timestamp=at(1))],
    )
    wanted = Selection(columns=("source_key",))
    newest = await paged(pool, wanted)
    assert len(newest) == len(set(newest)) == 8
    assert await paged(pool, replace(wanted, order=OLDEST)) == newest[::-1]
    least_sure = await paged(pool, replace(wanted, order=LEAST_SURE))
    assert sorted(least_sure) == sorted(newest)[:-1]
    assert [confidences[int(key[1:])] for key in least_sure] == sorted(confidences)
    below = replace(wanted, order=LEAST_SURE, confidence_below=Decimal("0.6"))
    assert await paged(pool, below) == least_sure[:4]


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
    """
    A year of objects of 1,000 users, one in ten rejected; never written to by the tests. Half of the files are called
    IMG, one in a hundred rex, one in 1,500 mitzi.
    """
    name, rows = "large", request.param
    postgres.create_database(name, template=template)
    file = (
        "CASE WHEN n % 100 IN (30, 31) THEN 'Rex' WHEN n % 1500 IN (10, 11) THEN 'Mitzi' WHEN n % 2 = 0 THEN 'IMG' "
        "ELSE 'DSC' END || '_' || n || '.jpg'"
    )
    shared = (
        "md5(n::text)::uuid, 'user' || n % 1000, 's3://photos/' || n, "
        f"'{NEWEST.isoformat()}'::timestamptz - n * interval '{YEAR_SECONDS / rows} seconds', 'photos', "
        f"'uploads/user' || n % 1000 || '/' || {file}"
    )
    columns = "id, user_name, image_url, timestamp, source_bucket, source_key"
    import psycopg

    with psycopg.connect(postgres.dsn(name), autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET maintenance_work_mem = '128MB'")
        # Filled first and indexed afterwards: a third of the time.
        indexes = connection.execute(
            "SELECT c.relname, pg_get_indexdef(i.indexrelid), coalesce(a.attstattarget, -1) FROM pg_index i "
            "JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = 1 "
            "WHERE i.indrelid IN ('classification_records'::regclass, 'image_rejections'::regclass) "
            "AND NOT i.indisprimary"
        ).fetchall()
        for index, _, _ in indexes:
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
        for index, definition, statistics in indexes:
            connection.execute(definition)
            if statistics != -1:
                connection.execute(f"ALTER INDEX {index} ALTER COLUMN 1 SET STATISTICS {statistics}")
        connection.execute("VACUUM (ANALYZE) classification_records, image_rejections")
    yield Large(config_for(postgres, name), rows)
    postgres.drop_database(name)


UNSURE = ConfidenceCursor(Decimal("0.5"), uuid.UUID(int=2**127))
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
    "oldest": Selection(order=OLDEST),
    "oldest of one user": Selection(user_name="user7", order=OLDEST),
    "oldest rejected for a reason": Selection(reason="missing", order=OLDEST),
    "least sure": Selection(order=LEAST_SURE),
    "least sure below": Selection(order=LEAST_SURE, confidence_below=Decimal("0.8")),
    "least sure cats": Selection(order=LEAST_SURE, outcome="cat"),
    "a part of few names": Selection(name_part="ITZI"),
    "a part of some names": Selection(name_part="rex"),
    "a part of most names": Selection(name_part="img"),
    "a part of no name": Selection(name_part="whiskers"),
    "a part of a user's name": Selection(name_part="ser77"),
    "a part of both names": Selection(name_part="77/rex"),
    "two letters of no name": Selection(name_part="qx"),
    "the letters that many files begin with": Selection(name_part="im"),
    "unsure with a part": Selection(name_part="mitzi", confidence_below=Decimal("0.9")),
    "least sure with a part": Selection(name_part="mitzi", order=LEAST_SURE),
    "rejected with a part": Selection(name_part="mitzi", outcome="rejected", order=OLDEST),
    "a part in a week": Selection(
        name_part="rex", since=NEWEST - timedelta(days=107), until=NEWEST - timedelta(days=100)
    ),
}
REJECTIONS = {
    "all": RejectionFilter(),
    "by reason": RejectionFilter(reasons=("missing",)),
    "oldest of a reason": RejectionFilter(reasons=("missing",), order=OLDEST),
    "in a week": RejectionFilter(since=NEWEST - timedelta(days=107), until=NEWEST - timedelta(days=100)),
    "with a part of few names": RejectionFilter(name_part="mitzi"),
    "with a part of most names": RejectionFilter(name_part="img", reasons=("not_a_pet",)),
    "with a part of no name": RejectionFilter(name_part="whiskers"),
}
PAGE_READS = 2_000
PART_READS = 150_000
"""
Either the trigrams' index finds all rows with the part, which are then sorted, or an index of the order is walked until
a page is full. The planner chooses by its estimate. For a part of one name in 1,500 it walks in half of the cases:
70,000 rows by time (0.1 s), 116,000 by confidence (0.4 s).
"""
COUNT_READS = 40_000
"""The rows that are counted, and those in between that only a filter leaves out."""


def id_of(number: int) -> uuid.UUID:
    """As the rows below are made."""
    return uuid.UUID(hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest())


def statements(rows: int) -> dict[str, tuple[str, list[object], int]]:
    """By name: the statement, its values, and how many rows a scan of it may read."""
    ids = [id_of(n) for n in range(1, rows, 2_000)]  # of many more, a small table is rightly read whole
    found: dict[str, tuple[str, list[object], int]] = {}
    for name, selection in PAGES.items():
        most = PART_READS if selection.name_part else PAGE_READS
        middle = UNSURE if selection.order == LEAST_SURE else MIDDLE
        found[f"{name}, first page"] = (*page_statement(selection, None, 51), most)
        found[f"{name}, later page"] = (*page_statement(selection, middle, 51), most)
        found[f"{name}, saved"] = (*page_statement(selection, None, LIMIT_MAX + 1), COUNT_READS)
        found[f"{name}, counted"] = (*count_statement(selection, LIMIT_MAX + 1), COUNT_READS)
    for name, wanted in REJECTIONS.items():
        most = PART_READS if wanted.name_part else PAGE_READS
        found[f"rejections {name}, first page"] = (*rejection_reads.page_statement(wanted, None, 51), most)
        found[f"rejections {name}, later page"] = (*rejection_reads.page_statement(wanted, MIDDLE, 51), most)
        found[f"rejections {name}, saved"] = (*rejection_reads.page_statement(wanted, None, LIMIT_MAX + 1), COUNT_READS)
        found[f"rejections {name}, counted"] = (*rejection_reads.count_statement(wanted, LIMIT_MAX + 1), COUNT_READS)
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
    # A table of 10,000 rows is rightly read whole, and so is one of 100,000 for one row in ten.
    is_small = name.endswith(("saved", "counted")) and (large.rows == 100_000 or "reason" in name)
    whole = {scan["Relation Name"] for scan in scans if scan["Node Type"] == "Seq Scan"}
    assert whole <= ({"image_rejections"} if is_small else set()), scans
    read = [(scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0)) * scan["Actual Loops"] for scan in scans]
    assert max(read) <= most, scans


async def test_how_many_rows_have_a_part_is_estimated_from_a_thousand_names(large: Large) -> None:
    """From a hundred, the plan for a part of one name in a hundred was a matter of luck."""
    async with await open_pool(large.config) as pool, pool.acquire() as connection:
        samples = await connection.fetch(
            "SELECT tablename, array_length(histogram_bounds::text::text[], 1) AS count FROM pg_stats "
            "WHERE tablename IN ('idx_classification_records_names', 'idx_image_rejections_names')"
        )
    assert {row["tablename"]: row["count"] > 900 for row in samples} == {
        "idx_classification_records_names": True,
        "idx_image_rejections_names": True,
    }


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
