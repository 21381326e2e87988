"""What the page asks of the tables."""

import codecs
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import pytest

from persistence.pool import Pool
from streams.board.feed import Feed
from streams.board.guard import LOCAL_NAMES, Guard
from streams.board.queries import CSV_ROWS_MAX, Queries
from streams.board.routes import About, Parts, application
from streams.board.state import Board
from tests.asgi import ask
from tests.board_events import REJECTION_ROW


class Database:
    """Gives one label, or as many rejections as it is told; keeps what it was asked."""

    def __init__(self, rows: int = 1) -> None:
        self.rows = rows
        self.asked: list[tuple[str, tuple[object, ...]]] = []

    @asynccontextmanager
    async def acquire(self, **_: float) -> AsyncIterator["Database"]:
        yield self

    async def fetch(self, statement: str, *values: object) -> list[Any]:
        self.asked.append((statement, values))
        if "count(*)" in statement:
            return [[self.rows]]
        if "FROM image_rejections" in statement:
            return [REJECTION_ROW] * self.rows
        return [
            {
                "id": UUID(int=1),
                "user_name": "=cmd|calc",
                "source_key": "uploads/ann/unsure, or not.jpg",
                "image_url": "s3://pictures/uploads/ann/unsure, or not.jpg",
                "outcome": "cat",
                "reason": None,
                "confidence": Decimal("0.6100"),
                "timestamp": datetime(2026, 3, 1, 12, tzinfo=UTC),
                "updated_at": datetime(2026, 3, 1, 12, tzinfo=UTC),
            }
        ]


def page(database: Database) -> Guard:
    board = Board(100)
    about = About(database=True, pictures=False, uploads=False, upload_max_bytes=10)
    queries = Queries(cast("Pool", database), board)
    parts = Parts(feed=Feed(board, 2), queries=queries, history=board.history, about=about)
    return Guard(application(parts), LOCAL_NAMES)


async def test_the_csv_has_the_rows_of_the_link_and_no_formula() -> None:
    database = Database()
    answer = await ask(
        page(database),
        "GET",
        "/api/records.csv?below=0.8&class=cat&since=2026-02-22T23:00:00.000Z&until=2026-03-01T23:00:00%2B00:00",
    )
    assert (answer.status, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert answer.headers["content-disposition"] == 'attachment; filename="petstream-records.csv"'
    assert answer.body.startswith(codecs.BOM_UTF8), "without it, Excel takes the names for Latin"
    head, row, end = answer.body.decode("utf-8-sig").split("\r\n")
    assert head == "user_name,source_key,outcome,reason,confidence,timestamp,image_url,id"
    assert row.startswith('\'=cmd|calc,"uploads/ann/unsure, or not.jpg",cat,,0.6100,2026-03-01T12:00:00.000+00:00,')
    assert end == ""
    ((statement, values),) = database.asked
    assert "r.confidence < $5" in statement
    assert values == (
        CSV_ROWS_MAX + 1,
        "cat",
        datetime(2026, 2, 22, 23, tzinfo=UTC),
        datetime(2026, 3, 1, 23, tzinfo=UTC),
        Decimal("0.8"),
    )


async def test_a_name_and_an_order_are_asked_for_as_the_link_has_them() -> None:
    database = Database()
    await ask(page(database), "GET", "/api/records?name=%20isk%20&sort=least_sure")
    await ask(page(database), "GET", "/api/rejections?name=isk&sort=oldest&reason=missing")
    (records, values), (rejections, others) = database.asked
    assert "ORDER BY r.confidence ASC, r.id ASC" in records
    assert "%isk%" in values
    assert "ORDER BY r.timestamp ASC, r.id ASC" in rejections
    assert others[:2] == ("missing", "%isk%")


@pytest.mark.parametrize("place", ["records", "rejections"])
@pytest.mark.parametrize(("rows", "told"), [(3, (3, False)), (10_000, (10_000, False)), (10_001, (10_000, True))])
async def test_a_total_is_exact_up_to_its_bound_and_then_says_more(
    place: str, rows: int, told: tuple[int, bool]
) -> None:
    database = Database(rows)
    answer = await ask(page(database), "GET", f"/api/{place}/total?name=isk")
    assert json.loads(answer.body) == dict(zip(("total", "more"), told, strict=True))
    ((_, values),) = database.asked
    assert {"%isk%", 10_001} <= set(values)


async def test_the_csv_of_rejections_is_read_in_pages_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.board.queries.CSV_ROWS_MAX", 50)
    monkeypatch.setattr("streams.board.queries.CSV_PAGE_ROWS", 5)
    database = Database(rows=6)  # there is always another page
    answer = await ask(page(database), "GET", "/api/rejections.csv?reason=not_a_pet")
    assert answer.headers["content-disposition"] == 'attachment; filename="petstream-rejections.csv"'
    head, *rows, end = answer.body.decode("utf-8-sig").split("\r\n")
    assert head == "user_name,source_key,reason,unsure,detail,timestamp,image_url,id"
    assert (len(rows), end) == (50, "")
    assert rows[0].startswith('ann,uploads/ann/toy.jpg,not_a_pet,yes,"not sure enough for a label: cat 0.4800')
    assert max(map(len, rows)) < 500
    assert len(database.asked) == 10


async def test_a_rejection_is_unsure_by_the_scores_in_its_detail() -> None:
    answer = await ask(page(Database()), "GET", "/api/rejections")
    (row,) = json.loads(answer.body)["rows"]
    assert row["unsure"] is True
