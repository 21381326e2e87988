"""
Reads outcomes: totals, totals by day, single objects, and pages by user, time and class. Each statement reads
``image_outcomes``, or its halves, in which each object occurs once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from persistence.errors import translated_errors
from persistence.keyset import LEAST_SURE, AnyCursor, ConfidenceCursor, Cursor
from persistence.pool import ACQUIRE_TIMEOUT_SECONDS
from persistence.selection import LIMIT_MAX, InvalidSelection, Selection, count_statement, page_statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime
    from decimal import Decimal
    from typing import Any
    from uuid import UUID

    import asyncpg

    from persistence.pool import Pool

__all__ = [
    "Cursor",
    "DayCount",
    "Outcome",
    "OutcomeCounts",
    "Page",
    "Rows",
    "count",
    "count_by_day",
    "count_outcomes",
    "find",
    "find_many",
    "page_by_user",
    "select",
]

DAYS_MAX = 366

# Reads every row, so no index helps. Frequent callers use ``persistence.cache``.
COUNT = "SELECT outcome, reason, count(*) AS objects FROM image_outcomes GROUP BY outcome, reason"

FIND = """
SELECT id, user_name, image_url, source_bucket, source_key, outcome, reason, confidence,
       timestamp, source_sequencer, model_rev, updated_at
  FROM image_outcomes
 WHERE id = $1
"""
# OFFSET 0 makes it a lookup per id. With ANY, the planner may overestimate the rows and scan a whole table.
FIND_MANY = f"""
SELECT found.*
  FROM (SELECT DISTINCT unnest($1::uuid[]) AS id) AS wanted
 CROSS JOIN LATERAL ({FIND.replace("$1", "wanted.id").strip()} OFFSET 0) AS found
"""  # noqa: S608 - this module's own text

# The range uses the timestamp indexes in both halves of the view, so older rows cost nothing.
COUNT_BY_DAY = """
SELECT (timestamp AT TIME ZONE 'UTC')::date AS day, outcome, count(*) AS objects
  FROM image_outcomes
 WHERE timestamp >= $1 AND timestamp < $2
 GROUP BY day, outcome
 ORDER BY day DESC, outcome
"""

# Keyset pagination instead of OFFSET: each page costs the same, and new rows shift nothing. Each half of the view is
# limited first, since a LIMIT over their union does not use the indexes. $3 and $4 are the key of the previous page's
# last row.
_PAGE = """
SELECT *
  FROM ({classified} UNION ALL {rejected}) AS candidates
 ORDER BY timestamp DESC, id DESC
 LIMIT $2
"""
_HALF = """(
    SELECT id, user_name, image_url, source_bucket, source_key, outcome, reason, confidence,
           timestamp, source_sequencer, model_rev, updated_at
      FROM {view}
     WHERE user_name = $1 {condition}
     ORDER BY timestamp DESC, id DESC
     LIMIT $2)"""


def _page(condition: str) -> str:
    return _PAGE.format(
        classified=_HALF.format(view="current_classifications", condition=condition),
        rejected=_HALF.format(view="current_rejections", condition=condition),
    )


FIRST_PAGE = _page("")
NEXT_PAGE = _page("AND (timestamp, id) < ($3, $4)")


@dataclass(frozen=True, slots=True)
class OutcomeCounts:
    """Objects by outcome. ``by_reason`` counts the rejected ones; reasons that do not occur are left out."""

    cat: int = 0
    dog: int = 0
    by_reason: Mapping[str, int] = field(default_factory=dict)

    @property
    def classified(self) -> int:
        """Cats and dogs."""
        return self.cat + self.dog

    @property
    def rejected(self) -> int:
        """Rejected objects."""
        return sum(self.by_reason.values())

    @property
    def objects(self) -> int:
        """All objects: the right side of the accounting identity."""
        return self.classified + self.rejected


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    One object's newest outcome. ``reason`` is set if it was rejected, else ``confidence`` (0..1). ``updated_at`` is the
    last write of its row.
    """

    id: UUID
    user_name: str | None
    image_url: str
    source_bucket: str
    source_key: str
    outcome: str
    reason: str | None
    confidence: Decimal | None
    timestamp: datetime
    source_sequencer: str
    model_rev: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Outcomes, newest first, and the cursor of the next page; None on the last page."""

    outcomes: tuple[Outcome, ...]
    after: Cursor | None


@dataclass(frozen=True, slots=True)
class Rows:
    """Selected columns of outcomes, and the cursor of the next page; None on the last page."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    after: AnyCursor | None


@dataclass(frozen=True, slots=True)
class DayCount:
    """How many objects uploaded on a day (UTC) have this outcome: cat, dog or rejected."""

    day: date
    outcome: str
    objects: int


async def count_outcomes(pool: Pool) -> OutcomeCounts:
    """Count every object once, in one snapshot. Raises the errors of ``translated_errors``."""
    rows = await _fetch(pool, COUNT)
    labels = {row["outcome"]: row["objects"] for row in rows if row["reason"] is None}
    reasons = {row["reason"]: row["objects"] for row in rows if row["reason"] is not None}
    return OutcomeCounts(labels.get("cat", 0), labels.get("dog", 0), reasons)


async def answers(pool: Pool) -> None:
    """Return once the database has answered. Raises the errors of ``translated_errors``."""
    await _fetch(pool, "SELECT 1")


async def count_by_day(pool: Pool, since: datetime, until: datetime) -> list[DayCount]:
    """
    Count objects by day and outcome, the newest day first. Days without objects are left out.

    Args:
        pool: Of a writer or a reader.
        since: Aware, included.
        until: Aware, excluded, at most ``DAYS_MAX`` days later.

    Raises:
        InvalidSelection: the range is empty, too long, or naive.
        PersistenceError: as ``translated_errors``.
    """
    Selection(since=since, until=until)
    if until - since > timedelta(days=DAYS_MAX):
        raise InvalidSelection(f"counts by day span at most {DAYS_MAX} days")
    return [DayCount(**row) for row in await _fetch(pool, COUNT_BY_DAY, since, until)]


async def find(pool: Pool, object_id: UUID) -> Outcome | None:
    """The outcome of one object, or None while there is none. Raises the errors of ``translated_errors``."""
    rows = await _fetch(pool, FIND, object_id)
    return Outcome(**rows[0]) if rows else None


async def find_many(pool: Pool, object_ids: Sequence[UUID]) -> list[Outcome]:
    """The outcomes of these objects, unordered; objects without one are left out. Raises as ``translated_errors``."""
    return [Outcome(**row) for row in await _fetch(pool, FIND_MANY, object_ids)]


async def select(pool: Pool, selection: Selection, after: AnyCursor | None = None, *, limit: int = 50) -> Rows:
    """
    One page of the selected outcomes, with the selected columns.

    Args:
        pool: Of a writer or a reader.
        selection: Rows, columns and order.
        after: ``Rows.after`` of the page before, in the same order; None for the first.
        limit: Outcomes per page, 1..``LIMIT_MAX``.

    Raises:
        InvalidSelection: limit out of range.
        PersistenceError: as ``translated_errors``.
    """
    if not 1 <= limit <= LIMIT_MAX:
        raise InvalidSelection(f"a page holds 1 to {LIMIT_MAX:,} outcomes")
    # One extra row tells whether there is a next page.
    statement, values = page_statement(selection, after, limit + 1)
    found = await _fetch(pool, statement, *values)
    rows = tuple(tuple(row[column] for column in selection.columns) for row in found[:limit])
    return Rows(selection.columns, rows, _key(selection, found[limit - 1]) if len(found) > limit else None)


def _key(selection: Selection, row: asyncpg.Record) -> AnyCursor:
    if selection.order == LEAST_SURE:
        return ConfidenceCursor(row["confidence"], row["id"])
    return Cursor(row["timestamp"], row["id"])


async def count(pool: Pool, selection: Selection, *, most: int) -> int:
    """The number of selected outcomes, or ``most`` if there are more. Raises the errors of ``translated_errors``."""
    statement, values = count_statement(selection, most)
    rows = await _fetch(pool, statement, *values)
    return int(rows[0][0])


async def page_by_user(pool: Pool, user_name: str, after: Cursor | None = None, *, limit: int = 50) -> Page:
    """
    One page of a user's outcomes, newest first.

    Args:
        pool: Of a writer or a reader.
        user_name: Exactly as stored.
        after: ``Page.after`` of the page before; None for the first.
        limit: Outcomes per page, at least 1.

    Raises:
        ValueError: limit below 1.
        PersistenceError: as ``translated_errors``.
    """
    if limit < 1:
        raise ValueError("a page holds at least one outcome")
    # One extra row tells whether there is a next page.
    if after is None:
        rows = await _fetch(pool, FIRST_PAGE, user_name, limit + 1)
    else:
        rows = await _fetch(pool, NEXT_PAGE, user_name, limit + 1, after.timestamp, after.id)
    outcomes = tuple(Outcome(**row) for row in rows[:limit])
    last = outcomes[-1] if len(rows) > limit else None
    return Page(outcomes, Cursor(last.timestamp, last.id) if last else None)


async def _fetch(pool: Pool, statement: str, *values: Any) -> list[asyncpg.Record]:
    with translated_errors():
        async with pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as connection:
            return await connection.fetch(statement, *values)
