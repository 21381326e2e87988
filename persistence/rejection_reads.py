"""
Reads rejections: pages, single ones, counts.

A rejection stands while its object has no newer or equal other outcome (``image_outcomes``). A rejection that names no
object always stands.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from persistence.errors import translated_errors
from persistence.pool import ACQUIRE_TIMEOUT_SECONDS
from persistence.records import REASONS
from persistence.selection import LIMIT_MAX, Cursor, InvalidSelection

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
_ORDER = "ORDER BY r.timestamp DESC, r.id DESC"


@dataclass(frozen=True, slots=True)
class RejectionFilter:
    """
    Which rejections. Empty or None: all.

    ``reasons``: any of these. ``since`` is inclusive, ``until`` exclusive, both aware. ``prefix``: of the object's key.
    ``ids``: of objects. ``superseded``: also those that no longer stand.

    Raises:
        InvalidSelection: an unknown reason, a naive time, or an empty range.
    """

    reasons: tuple[str, ...] = ()
    user_name: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    bucket: str | None = None
    prefix: str | None = None
    ids: tuple[UUID, ...] = ()
    superseded: bool = False

    def __post_init__(self) -> None:
        if not set(self.reasons) <= REASONS:
            raise InvalidSelection(f"the reasons are {', '.join(sorted(REASONS))}")
        for moment in (self.since, self.until):
            if moment is not None and moment.utcoffset() is None:
                raise InvalidSelection("a time needs its offset from UTC")
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise InvalidSelection("the range of time is empty: its end is not after its start")

    @property
    def selects_everything(self) -> bool:
        """Whether there is no condition."""
        narrowing = (self.reasons, self.user_name, self.since, self.until, self.bucket, self.prefix, self.ids)
        return all(value in (None, ()) for value in narrowing)


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
    """Rejections, newest first, and the cursor of the next page; None on the last page."""

    rejections: tuple[Rejection, ...]
    after: Cursor | None


async def page(
    pool: Pool, wanted: RejectionFilter, after: Cursor | None = None, *, limit: int = 50, events: bool = False
) -> RejectionPage:
    """
    One page of the matching rejections, newest first.

    Args:
        pool: Of a writer or a reader.
        wanted: The filter.
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


async def count(pool: Pool, wanted: RejectionFilter) -> int:
    """The number of matching rejections; reads all of them. Raises the errors of ``translated_errors``."""
    where, values = _where(wanted)
    statement = f"SELECT count(*) FROM image_rejections r WHERE {where}"  # noqa: S608 - as above
    rows = await _fetch(pool, statement, *values)
    return int(rows[0][0])


def page_statement(
    wanted: RejectionFilter, after: Cursor | None, limit: int, *, events: bool = False
) -> tuple[str, list[object]]:
    """The statement for one page of up to ``limit`` rows, newest first, and its parameters."""
    where, values = _where(wanted)
    if after is not None:
        values += after
        # The condition on the timestamp alone bounds the scan of an index without the id.
        first, second = f"${len(values) - 1}", f"${len(values)}"
        where += f" AND r.timestamp <= {first} AND (r.timestamp, r.id) < ({first}, {second})"
    values.append(limit)
    event = "r.upload_event" if events else "NULL::bytea"
    statement = f"""
SELECT {_COLUMNS}, {STANDS} AS stands, {event} AS upload_event
  FROM image_rejections r WHERE {where} {_ORDER} LIMIT ${len(values)}
"""  # noqa: S608 - every part of the text is this module's own, values are parameters
    return statement, values


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
    if not wanted.superseded:
        texts.append(STANDS)
    return " AND ".join(texts) or "true", [value for _, value in given]


def _reasons(reasons: Sequence[str]) -> str | list[str] | None:
    return reasons[0] if len(reasons) == 1 else list(reasons) or None


async def _fetch(pool: Pool, statement: str, *values: Any) -> list[asyncpg.Record]:
    with translated_errors():
        async with pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as connection:
            return await connection.fetch(statement, *values)
