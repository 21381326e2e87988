"""
What is stored, read back: totals, totals by day, one object, and outcomes page by page, by user, time and class. Each
statement reads ``image_outcomes`` or its halves, where every object stands once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from persistence.errors import translated_errors
from persistence.pool import ACQUIRE_TIMEOUT_SECONDS
from persistence.selection import LIMIT_MAX, Cursor, InvalidSelection, Selection, page_statement

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
    "count_by_day",
    "count_outcomes",
    "find",
    "find_many",
    "page_by_user",
    "select",
]

DAYS_MAX = 366

# Reads every row once: an index saves nothing there. What is asked often goes through ``persistence.cache``.
COUNT = "SELECT outcome, reason, count(*) AS objects FROM image_outcomes GROUP BY outcome, reason"

FIND = """
SELECT id, user_name, image_url, source_bucket, source_key, outcome, reason, confidence,
       timestamp, source_sequencer, model_rev, updated_at
  FROM image_outcomes
 WHERE id = $1
"""
# OFFSET 0 makes it a lookup per id: with ANY, a planner that expects more rows than there are reads a whole table.
FIND_MANY = f"""
SELECT found.*
  FROM (SELECT DISTINCT unnest($1::uuid[]) AS id) AS wanted
 CROSS JOIN LATERAL ({FIND.replace("$1", "wanted.id").strip()} OFFSET 0) AS found
"""  # noqa: S608 - this module's own text

# The range reaches the indexes on the timestamp in both halves of the view: what is older costs nothing.
COUNT_BY_DAY = """
SELECT (timestamp AT TIME ZONE 'UTC')::date AS day, outcome, count(*) AS objects
  FROM image_outcomes
 WHERE timestamp >= $1 AND timestamp < $2
 GROUP BY day, outcome
 ORDER BY day DESC, outcome
"""

# By key, not by OFFSET: page 1,000 costs what page 1 costs, and rows that arrive meanwhile shift nothing. A page is
# taken from each half of the view first, since a LIMIT does not reach the indexes through their union. $3 and $4 are
# the end of the page before.
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
    """Objects by outcome. ``by_reason`` splits the rejected ones and holds only reasons that occur."""

    cat: int = 0
    dog: int = 0
    by_reason: Mapping[str, int] = field(default_factory=dict)

    @property
    def classified(self) -> int:
        """Cats and dogs."""
        return self.cat + self.dog

    @property
    def rejected(self) -> int:
        """Objects that got no label."""
        return sum(self.by_reason.values())

    @property
    def objects(self) -> int:
        """All of them: the right side of the accounting identity."""
        return self.classified + self.rejected


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    One object's newest outcome. ``reason`` is set where it was rejected, ``confidence`` (0..1) where it was not;
    ``updated_at`` is when its row was last written.
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
    """Outcomes, newest first, and where to go on; None when nothing follows."""

    outcomes: tuple[Outcome, ...]
    after: Cursor | None


@dataclass(frozen=True, slots=True)
class Rows:
    """The wanted columns of a page of outcomes, newest first, and where to go on; None when nothing follows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    after: Cursor | None


@dataclass(frozen=True, slots=True)
class DayCount:
    """Objects that were uploaded on one day (UTC) and have this outcome: cat, dog or rejected."""

    day: date
    outcome: str
    objects: int


async def count_outcomes(pool: Pool) -> OutcomeCounts:
    """Count every object once, in one snapshot. Raises the errors of ``translated_errors``."""
    rows = await _fetch(pool, COUNT)
    labels = {row["outcome"]: row["objects"] for row in rows if row["reason"] is None}
    reasons = {row["reason"]: row["objects"] for row in rows if row["reason"] is not None}
    return OutcomeCounts(labels.get("cat", 0), labels.get("dog", 0), reasons)


async def count_by_day(pool: Pool, since: datetime, until: datetime) -> list[DayCount]:
    """
    Count each day's objects by outcome, the newest day first; days without any are left out.

    Args:
        pool: May lead to a reader.
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
    """The outcomes that there are of these objects, in no order. Raises the errors of ``translated_errors``."""
    return [Outcome(**row) for row in await _fetch(pool, FIND_MANY, object_ids)]


async def select(pool: Pool, selection: Selection, after: Cursor | None = None, *, limit: int = 50) -> Rows:
    """
    One page of the outcomes that are selected, newest first, and only the columns asked for.

    Args:
        pool: May lead to a reader.
        selection: Which rows, which columns.
        after: ``Rows.after`` of the page before; None for the first.
        limit: Outcomes per page, 1..``LIMIT_MAX``.

    Raises:
        InvalidSelection: limit out of range.
        PersistenceError: as ``translated_errors``.
    """
    if not 1 <= limit <= LIMIT_MAX:
        raise InvalidSelection(f"a page holds 1 to {LIMIT_MAX:,} outcomes")
    # One more than asked for says whether a further page exists.
    statement, values = page_statement(selection, after, limit + 1)
    found = await _fetch(pool, statement, *values)
    rows = tuple(tuple(row[column] for column in selection.columns) for row in found[:limit])
    last = found[limit - 1] if len(found) > limit else None
    return Rows(selection.columns, rows, Cursor(last["timestamp"], last["id"]) if last else None)


async def page_by_user(pool: Pool, user_name: str, after: Cursor | None = None, *, limit: int = 50) -> Page:
    """
    One page of a user's outcomes, newest first.

    Args:
        pool: May lead to a reader.
        user_name: Exactly as stored.
        after: ``Page.after`` of the page before; None for the first.
        limit: Outcomes per page, at least 1.

    Raises:
        ValueError: limit below 1.
        PersistenceError: as ``translated_errors``.
    """
    if limit < 1:
        raise ValueError("a page holds at least one outcome")
    # One more than asked for says whether a further page exists.
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
