"""What the page asks the tables for: pages of records and of rejections, and the story of one picture."""

from typing import Any, Final
from uuid import UUID

import msgspec

from persistence import classification_reads, reads, rejection_reads
from persistence.errors import PersistenceError
from persistence.pool import Pool
from persistence.selection import Cursor, Selection
from streams.board import story
from streams.board.pictures import milliseconds
from streams.board.state import Board
from streams.board.story import Story

PAGE_ROWS_MAX: Final = 200
COLUMNS: Final = ("id", "user_name", "source_key", "outcome", "reason", "confidence", "timestamp", "updated_at")


class NoDatabaseError(Exception):
    """No database is named, so there are no records to look at."""


class RowView(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a page; moments in milliseconds since 1970."""

    id: UUID
    uploaded: int
    stored: int
    outcome: str
    user: str | None = None
    key: str | None = None
    reason: str | None = None
    detail: str | None = None
    confidence: float | None = None


class PageView(msgspec.Struct, frozen=True):
    """Lines, newest first, and the cursor of the next page; None when nothing follows."""

    rows: list[RowView]
    after: str | None


class Library:
    """
    Reads for viewers.

    Args:
        pool: As the reader; None where no database is named.
        board: What was heard of pictures that are not stored yet.
    """

    def __init__(self, pool: "Pool | None", board: Board) -> None:
        self._pool = pool
        self._board = board

    async def records(self, selection: Selection, after: Cursor | None, limit: int) -> PageView:
        """
        One page of outcomes.

        Raises:
            NoDatabaseError, PersistenceError
        """
        found = await reads.select(self._there(), selection, after, limit=limit)
        lines: list[dict[str, Any]] = [dict(zip(found.columns, values, strict=True)) for values in found.rows]
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
            )
            for row in lines
        ]
        return PageView(rows, found.after.to_text() if found.after else None)

    async def rejections(self, wanted: rejection_reads.RejectionFilter, after: Cursor | None, limit: int) -> PageView:
        """
        One page of rejections with what was said about each.

        Raises:
            NoDatabaseError, PersistenceError
        """
        page = await rejection_reads.page(self._there(), wanted, after, limit=limit)
        rows = [
            RowView(
                id=row.id,
                uploaded=milliseconds(row.timestamp),
                stored=milliseconds(row.updated_at),
                outcome="rejected",
                user=row.user_name,
                key=row.source_key,
                reason=row.reason,
                detail=row.detail,
            )
            for row in page.rejections
        ]
        return PageView(rows, page.after.to_text() if page.after else None)

    async def story(self, id_: UUID) -> Story | None:
        """
        Everything about one picture; what was heard of it also while the database is away.

        Raises:
            PersistenceError: nothing was heard of it, and the database does not answer.
        """
        picture = self._board.picture(id_)
        told = story.heard(picture, self._board.parking(picture)) if picture else None
        if self._pool is None:
            return told
        try:
            classification = await classification_reads.find(self._pool, id_)
            rejection = await rejection_reads.find(self._pool, id_)
        except PersistenceError:
            if told is None:
                raise
            return told
        return story.merged(told, story.read(classification, rejection))

    async def place(self, id_: UUID) -> tuple[str, str, str | None] | None:
        """
        Where the newest known version of a picture lies: bucket, key, version. None for what nobody told of.

        Raises:
            PersistenceError: nothing was heard of it, and the database does not answer.
        """
        picture = self._board.picture(id_)
        if picture is not None and picture.bucket and picture.key:
            return picture.bucket, picture.key, picture.version_id
        if self._pool is None:
            return None
        found = await reads.find(self._pool, id_)
        return None if found is None else (found.source_bucket, found.source_key, None)

    def _there(self) -> Pool:
        if self._pool is None:
            raise NoDatabaseError("No database is named (DATABASE_HOST): there are no records to show.")
        return self._pool
