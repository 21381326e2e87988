"""
What is stored, read back: totals, one object, one user's outcomes page by page. Each statement reads
``image_outcomes`` or its halves, where every object stands once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from persistence.errors import translated_errors
from persistence.pool import ACQUIRE_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal
    from typing import Any
    from uuid import UUID

    import asyncpg

    from persistence.pool import Pool

COUNT = "SELECT outcome, reason, count(*) AS objects FROM image_outcomes GROUP BY outcome, reason"

FIND = """
SELECT id, user_name, image_url, source_bucket, source_key, outcome, reason, confidence,
       timestamp, source_sequencer, model_rev, updated_at
  FROM image_outcomes
 WHERE id = $1
"""
FIND_MANY = FIND.replace("id = $1", "id = ANY($1::uuid[])")

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


class Cursor(NamedTuple):
    """The last outcome of a page, from which the next one starts."""

    timestamp: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Page:
    """Outcomes, newest first, and where to go on; None when nothing follows."""

    outcomes: tuple[Outcome, ...]
    after: Cursor | None


async def count_outcomes(pool: Pool) -> OutcomeCounts:
    """Count every object once, in one snapshot. Raises the errors of ``translated_errors``."""
    rows = await _fetch(pool, COUNT)
    labels = {row["outcome"]: row["objects"] for row in rows if row["reason"] is None}
    reasons = {row["reason"]: row["objects"] for row in rows if row["reason"] is not None}
    return OutcomeCounts(labels.get("cat", 0), labels.get("dog", 0), reasons)


async def find(pool: Pool, object_id: UUID) -> Outcome | None:
    """The outcome of one object, or None while there is none. Raises the errors of ``translated_errors``."""
    rows = await _fetch(pool, FIND, object_id)
    return Outcome(**rows[0]) if rows else None


async def find_many(pool: Pool, object_ids: Sequence[UUID]) -> list[Outcome]:
    """The outcomes that there are of these objects, in no order. Raises the errors of ``translated_errors``."""
    return [Outcome(**row) for row in await _fetch(pool, FIND_MANY, object_ids)]


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
