"""What the page asks of the tables."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from persistence.pool import Pool
from streams.board.feed import Feed
from streams.board.guard import LOCAL_NAMES, Guard
from streams.board.queries import CSV_ROWS_MAX, Queries
from streams.board.routes import About, Parts, application
from streams.board.state import Board
from tests.asgi import ask


class Database:
    """Gives one row; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[object, ...]]] = []

    @asynccontextmanager
    async def acquire(self, **_: float) -> AsyncIterator["Database"]:
        yield self

    async def fetch(self, statement: str, *values: object) -> list[dict[str, Any]]:
        self.asked.append((statement, values))
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
            }
        ]


async def test_the_csv_has_the_rows_of_the_link_and_no_formula() -> None:
    database = Database()
    board = Board(100)
    about = About(database=True, pictures=False, uploads=False, upload_max_bytes=10)
    parts = Parts(feed=Feed(board, 2), queries=Queries(cast("Pool", database), board), about=about)
    page = Guard(application(parts), LOCAL_NAMES)
    answer = await ask(
        page,
        "GET",
        "/api/records.csv?below=0.8&class=cat&since=2026-02-22T23:00:00.000Z&until=2026-03-01T23:00:00%2B00:00",
    )
    assert (answer.status, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert answer.headers["content-disposition"] == 'attachment; filename="petstream-records.csv"'
    head, row, end = answer.text.split("\r\n")
    assert head == "user_name,source_key,outcome,reason,confidence,timestamp,image_url,id"
    assert row.startswith('\'=cmd|calc,"uploads/ann/unsure, or not.jpg",cat,,0.6100,2026-03-01T12:00:00.000+00:00,')
    assert end == ""
    ((statement, values),) = database.asked
    assert "confidence < $5" in statement
    assert values == (
        CSV_ROWS_MAX + 1,
        "cat",
        datetime(2026, 2, 22, 23, tzinfo=UTC),
        datetime(2026, 3, 1, 23, tzinfo=UTC),
        Decimal("0.8"),
    )
