"""The page's queries: pages of records, pages of rejections, the details of one picture."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from persistence import classification_reads, reads, rejection_reads
from persistence.errors import PersistenceError
from persistence.keyset import AnyCursor, Cursor
from persistence.pool import Pool
from persistence.selection import Selection
from streams.board import picture_details
from streams.board.picture_details import PictureDetails
from streams.board.pictures import DETAIL_CHARS, milliseconds
from streams.board.state import Board
from streams.board.unsure import is_unsure, scores_in
from streams.runtime.csv_text import csv_text

PAGE_ROWS_MAX: Final = 200
COLUMNS: Final = ("id", "user_name", "source_key", "outcome", "reason", "confidence", "timestamp", "updated_at")


CSV_COLUMNS: Final = ("user_name", "source_key", "outcome", "reason", "confidence", "timestamp", "image_url", "id")
REJECTIONS_CSV_COLUMNS: Final = (
    *("user_name", "source_key", "reason", "unsure", "detail", "timestamp", "image_url", "id"),
)
CSV_ROWS_MAX: Final = 10_000
"""Held in memory: some 3 MB, of rejections 5 MB."""
CSV_PAGE_ROWS: Final = 1_000
TOTAL_MAX: Final = 10_000
"""Up to so many rows a total is exact."""


class NoDatabaseError(Exception):
    """No database is configured."""


class RowView(msgspec.Struct, frozen=True, omit_defaults=True):
    """One row of a page. Times in milliseconds since 1970. ``unsure``: where the row tells."""

    id: UUID
    uploaded: int
    stored: int
    outcome: str
    user: str | None = None
    key: str | None = None
    reason: str | None = None
    detail: str | None = None
    confidence: float | None = None
    unsure: bool = False


class Total(msgspec.Struct, frozen=True):
    """How many rows there are. ``more``: than the total says."""

    total: int
    more: bool


class PageView(msgspec.Struct, frozen=True):
    """Rows, and the cursor of the next page; None on the last page."""

    rows: list[RowView]
    after: str | None


class Queries:
    """
    Answers viewers from the tables and the board.

    Args:
        pool: Of the reader's role; None where no database is configured.
        board: Knows pictures that are not stored yet.
    """

    def __init__(self, pool: "Pool | None", board: Board) -> None:
        self._pool = pool
        self._board = board

    async def records(self, selection: Selection, after: AnyCursor | None, limit: int) -> PageView:
        """
        One page of outcomes.

        Raises:
            NoDatabaseError, PersistenceError
        """
        found = await reads.select(self._database(), selection, after, limit=limit)
        records: list[dict[str, Any]] = [dict(zip(found.columns, values, strict=True)) for values in found.rows]
        rows = [
            RowView(
                id=row["id"],
                uploaded=milliseconds(row["timestamp"]),
                stored=milliseconds(row["updated_at"]),
                outcome=row["outcome"],
                user=row["user_name"],
                key=row["source_key"],
                reason=row["reason"],
                confidence=None if row["confidence"] is None else float(row["confidence"]),
                unsure=is_unsure(row["outcome"], row["confidence"], None),
            )
            for row in records
        ]
        return PageView(rows, found.after.to_text() if found.after else None)

    async def records_csv(self, selection: Selection) -> str:
        """
        The first CSV_ROWS_MAX of the selected outcomes, as CSV; times in RFC 3339, UTC.

        Raises:
            NoDatabaseError, PersistenceError
        """
        found = await reads.select(self._database(), selection, limit=CSV_ROWS_MAX)
        rows = ([_iso(value) for value in row] for row in found.rows)
        return csv_text(found.columns, rows)

    async def records_total(self, selection: Selection) -> Total:
        """
        The number of selected outcomes.

        Raises:
            NoDatabaseError, PersistenceError
        """
        return _total(await reads.count(self._database(), selection, most=TOTAL_MAX + 1))

    async def rejections(self, wanted: rejection_reads.RejectionFilter, after: Cursor | None, limit: int) -> PageView:
        """
        One page of rejections, each with its detail.

        Raises:
            NoDatabaseError, PersistenceError
        """
        page = await rejection_reads.page(self._database(), wanted, after, limit=limit)
        rows = [
            RowView(
                id=row.id,
                uploaded=milliseconds(row.timestamp),
                stored=milliseconds(row.updated_at),
                outcome="rejected",
                user=row.user_name,
                key=row.source_key,
                reason=row.reason,
                detail=row.detail[:DETAIL_CHARS],
                unsure=is_unsure(row.reason, None, scores_in(row.detail)),
            )
            for row in page.rejections
        ]
        return PageView(rows, page.after.to_text() if page.after else None)

    async def rejections_csv(self, wanted: rejection_reads.RejectionFilter) -> str:
        """
        The first CSV_ROWS_MAX of the matching rejections, as CSV; times in RFC 3339, UTC. Long details are cut.

        Raises:
            NoDatabaseError, PersistenceError
        """
        rows: list[list[object]] = []
        after = None
        while len(rows) < CSV_ROWS_MAX:  # page by page: a row of the table may be many times longer than its line
            page = await rejection_reads.page(self._database(), wanted, after, limit=CSV_PAGE_ROWS)
            for row in page.rejections:
                unsure = is_unsure(row.reason, None, scores_in(row.detail))
                told: dict[str, object] = {"unsure": "yes" if unsure else "", "detail": row.detail[:DETAIL_CHARS]}
                rows.append([_iso(told.get(column, getattr(row, column, None))) for column in REJECTIONS_CSV_COLUMNS])
            after = page.after
            if after is None:
                break
        return csv_text(REJECTIONS_CSV_COLUMNS, rows)

    async def rejections_total(self, wanted: rejection_reads.RejectionFilter) -> Total:
        """
        The number of matching rejections.

        Raises:
            NoDatabaseError, PersistenceError
        """
        return _total(await rejection_reads.count(self._database(), wanted, most=TOTAL_MAX + 1))

    async def details(self, id_: UUID) -> PictureDetails | None:
        """
        Everything known about one picture. While the database is unavailable: what the topics brought.

        Raises:
            PersistenceError: no topic brought it, and the database does not answer.
        """
        picture = self._board.picture(id_)
        from_topics = picture_details.of_picture(picture, self._board.parking(picture)) if picture else None
        if self._pool is None:
            return from_topics
        try:
            classification = await classification_reads.find(self._pool, id_)
            rejection = await rejection_reads.find(self._pool, id_)
        except PersistenceError:
            if from_topics is None:
                raise
            return from_topics
        return picture_details.merged(from_topics, picture_details.of_rows(classification, rejection))

    async def place(self, id_: UUID) -> tuple[str, str, str | None] | None:
        """
        Bucket, key and version id of the newest known version of a picture; None if the picture is unknown.

        Raises:
            PersistenceError: no topic brought it, and the database does not answer.
        """
        picture = self._board.picture(id_)
        if picture is not None and picture.bucket and picture.key:
            return picture.bucket, picture.key, picture.version_id
        if self._pool is None:
            return None
        found = await reads.find(self._pool, id_)
        return None if found is None else (found.source_bucket, found.source_key, None)

    def _database(self) -> Pool:
        if self._pool is None:
            raise NoDatabaseError("No database is configured (DATABASE_HOST): there are no records to show.")
        return self._pool


def _total(counted: int) -> Total:
    return Total(min(counted, TOTAL_MAX), more=counted > TOTAL_MAX)


def _iso(value: object) -> object:
    return value.astimezone(UTC).isoformat(timespec="milliseconds") if isinstance(value, datetime) else value
