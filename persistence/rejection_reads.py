"""
Reads rejections: pages, single ones, counts.

A rejection stands while its object has no newer or equal other outcome (``image_outcomes``). A rejection that names no
object always stands.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from persistence import name_search
from persistence.errors import translated_errors
from persistence.keyset import NEWEST, ORDERS, TIME_ORDERS, Cursor
from persistence.pool import ACQUIRE_TIMEOUT_SECONDS
from persistence.records import REASONS
from persistence.selection import LIMIT_MAX, InvalidSelection, check_name_part, check_range

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any
    from uuid import UUID

    import asyncpg

    from persistence.pool import Pool

# Uses the view, which has the rule for ties. OFFSET 0 makes it a lookup per row; a hash would read the whole view for
# one page.
STANDS = """
(r.source_bucket IS NULL OR EXISTS (SELECT FROM current_rejections c WHERE c.id = r.id OFFSET 0))
""".strip()


@dataclass(frozen=True, slots=True)
class RejectionFilter:
    """
    Which rejections. Empty or None: all.

    ``reasons``: any of these. ``since`` is inclusive, ``until`` exclusive, both aware. ``prefix``: of the object's key.
    ``ids``: of objects. ``superseded``: also those that no longer stand. ``name_part``: of the user's name or the
    file's name, in any case. ``order``: one of ``TIME_ORDERS``.

    Raises:
        InvalidSelection: an unknown reason or order, a naive time, an empty range, or a part that no index finds.
    """

    reasons: tuple[str, ...] = ()
    user_name: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    bucket: str | None = None
    prefix: str | None = None
    ids: tuple[UUID, ...] = ()
    superseded: bool = False
    name_part: str | None = None
    order: str = NEWEST

    def __post_init__(self) -> None:
        if self.order not in TIME_ORDERS:
            raise InvalidSelection(f"the orders are {', '.join(TIME_ORDERS)}")
        check_name_part(self.name_part)
        if not set(self.reasons) <= REASONS:
            raise InvalidSelection(f"the reasons are {', '.join(sorted(REASONS))}")
        check_range(self.since, self.until)

    @property
    def selects_everything(self) -> bool:
        """Whether there is no condition."""
        narrowing = (self.reasons, self.user_name, self.since, self.until, self.bucket, self.prefix, self.ids)
        return self.name_part is None and all(value in (None, ()) for value in narrowing)


@dataclass(frozen=True, slots=True)
class Rejection:
    """
    One row of ``image_rejections``. ``stands``: whether it is still its object's outcome. ``updated_at``: the last
    write. ``upload_event``: the message as received; None if it was not requested.
    """

    id: UUID
    user_name: str | None
    image_url: str | None
    reason: str
    detail: str
    timestamp: datetime
    source_bucket: str | None
    source_key: str | None
    source_version_id: str | None
    source_etag: str | None
    source_sequencer: str
    model_name: str | None
    model_version: str | None
    model_rev: int
    updated_at: datetime
    stands: bool
    upload_event: bytes | None
    trace_id: str | None = None


_COLUMNS = ", ".join(
    f"r.{column.name}" for column in fields(Rejection) if column.name not in {"stands", "upload_event"}
)


@dataclass(frozen=True, slots=True)
class RejectionPage:
    """Rejections, and the cursor of the next page; None on the last page."""

    rejections: tuple[Rejection, ...]
    after: Cursor | None


async def page(
    pool: Pool, wanted: RejectionFilter, after: Cursor | None = None, *, limit: int = 50, events: bool = False
) -> RejectionPage:
    """
    One page of the matching rejections.

    Args:
        pool: Of a writer or a reader.
        wanted: The filter and the order.
        after: ``RejectionPage.after`` of the page before; None for the first.
        limit: Rejections per page, 1..``LIMIT_MAX``.
        events: Include the upload events, of up to 2 MiB each.

    Raises:
        InvalidSelection: limit out of range.
        PersistenceError: as ``translated_errors``.
    """
    if not 1 <= limit <= LIMIT_MAX:
        raise InvalidSelection(f"a page holds 1 to {LIMIT_MAX:,} rejections")
    # One extra row tells whether there is a next page.
    statement, values = page_statement(wanted, after, limit + 1, events=events)
    rows = [Rejection(**row) for row in await _fetch(pool, statement, *values)]
    last = rows[limit - 1] if len(rows) > limit else None
    return RejectionPage(tuple(rows[:limit]), Cursor(last.timestamp, last.id) if last else None)


async def find(pool: Pool, id_: UUID) -> Rejection | None:
    """The rejection of one object, standing or not, or None. Raises the errors of ``translated_errors``."""
    found = await page(pool, RejectionFilter(ids=(id_,), superseded=True), limit=1, events=True)
    return found.rejections[0] if found.rejections else None


async def count(pool: Pool, wanted: RejectionFilter, *, most: int | None = None) -> int:
    """
    The number of matching rejections, or ``most`` if there are more. Raises the errors of ``translated_errors``.

    Without ``most``, it reads all of them.
    """
    statement, values = count_statement(wanted, most)
    rows = await _fetch(pool, statement, *values)
    return int(rows[0][0])


def page_statement(
    wanted: RejectionFilter, after: Cursor | None, limit: int, *, events: bool = False
) -> tuple[str, list[object]]:
    """The statement for one page of up to ``limit`` rows, and its parameters."""
    where, values = _where(wanted)
    order = ORDERS[wanted.order]
    if after is not None:
        values += after
        where += f" AND {order.beyond(f'${len(values) - 1}', f'${len(values)}')}"
    values.append(limit)
    event = "r.upload_event" if events else "NULL::bytea"
    statement = f"""
SELECT {_COLUMNS}, {STANDS} AS stands, {event} AS upload_event
  FROM image_rejections r WHERE {where} {order.clause("r.")} LIMIT ${len(values)}
"""  # noqa: S608 - every part of the text is this package's own, values are parameters
    return statement, values


def count_statement(wanted: RejectionFilter, most: int | None) -> tuple[str, list[object]]:
    """The statement that counts the matching rejections, up to ``most``, and its parameters."""
    where, values = _where(wanted)
    if most is None:
        return f"SELECT count(*) FROM image_rejections r WHERE {where}", values  # noqa: S608 - as above
    values.append(most)
    # The order makes the planner walk the indexes of a page, and not the table.
    keys = f"SELECT FROM image_rejections r WHERE {where} {ORDERS[wanted.order].clause('r.')} LIMIT ${len(values)}"
    return f"SELECT count(*) FROM ({keys}) AS counted", values  # noqa: S608 - as above


def _where(wanted: RejectionFilter) -> tuple[str, list[object]]:
    """The condition, and its parameters from $1 on."""
    one_reason = len(wanted.reasons) == 1  # equality can use an index in order
    conditions: list[tuple[str, object]] = [
        ("r.reason = {}" if one_reason else "r.reason = ANY({}::text[])", _reasons(wanted.reasons)),
        ("r.user_name = {}", wanted.user_name),
        ("r.timestamp >= {}", wanted.since),
        ("r.timestamp < {}", wanted.until),
        ("r.source_bucket = {}", wanted.bucket),
        ("starts_with(r.source_key, {})", wanted.prefix),
        ("r.id = ANY({}::uuid[])", list(wanted.ids) or None),
    ]
    given = [(text, value) for text, value in conditions if value is not None]
    texts = [text.format(f"${number}") for number, (text, _) in enumerate(given, 1)]
    values = [value for _, value in given]
    if wanted.name_part is not None:
        patterns = name_search.patterns(wanted.name_part)
        texts.append(name_search.condition(name_search.REJECTION_NAMES, len(values) + 1, len(patterns)))
        values += patterns
    if not wanted.superseded:
        texts.append(STANDS)
    return " AND ".join(texts) or "true", values


def _reasons(reasons: Sequence[str]) -> str | list[str] | None:
    return reasons[0] if len(reasons) == 1 else list(reasons) or None


async def _fetch(pool: Pool, statement: str, *values: Any) -> list[asyncpg.Record]:
    with translated_errors():
        async with pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as connection:
            return await connection.fetch(statement, *values)
