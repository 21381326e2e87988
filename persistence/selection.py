"""
A selection of outcomes, and the statement that reads one page of it. Pure.

Values are always parameters. Text in the statement (columns, views, conditions) comes from closed sets.
"""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from persistence.errors import PersistenceError
from persistence.records import LABELS, REASONS

COLUMNS = (
    *("id", "user_name", "image_url", "source_bucket", "source_key", "outcome", "reason", "confidence"),
    *("timestamp", "source_sequencer", "model_rev", "updated_at"),
)
REJECTED = "rejected"
OUTCOMES = (*sorted(LABELS), REJECTED)
LIMIT_MAX = 10_000  # a page is held in memory
UNSURE_BELOW = Decimal("0.9")
"""The index of migration 0015 has the records of less confidence."""
CLASSIFICATIONS_VIEW, REJECTIONS_VIEW = "current_classifications", "current_rejections"
_KEY = ("timestamp", "id")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = struct.Struct(">q16s")


class InvalidSelection(PersistenceError):  # noqa: N818 - the name says what happened
    """The selection is invalid."""


class Cursor(NamedTuple):
    """The key of a page's last row; the next page starts after it."""

    timestamp: datetime
    id: UUID

    def to_text(self) -> str:
        """32 characters, safe in a URL and on a command line, though the first may be a dash."""
        microseconds = (self.timestamp - _EPOCH) // timedelta(microseconds=1)
        return base64.urlsafe_b64encode(_CURSOR.pack(microseconds, self.id.bytes)).decode()

    @classmethod
    def from_text(cls, text: str) -> Cursor:
        """
        Parse the result of ``to_text``.

        Raises:
            InvalidSelection: the text is not a cursor.
        """
        try:
            microseconds, id_ = _CURSOR.unpack(base64.b64decode(text, altchars=b"-_", validate=True))
            return cls(_EPOCH + timedelta(microseconds=microseconds), UUID(bytes=id_))
        except (binascii.Error, ValueError, struct.error, OverflowError) as error:
            raise InvalidSelection("the cursor is not one that a page ended with") from error


@dataclass(frozen=True, slots=True)
class Selection:
    """
    Which outcomes, and which of their columns. None: all.

    ``outcome`` is one of ``OUTCOMES``; ``reason`` is one of ``REASONS`` and implies rejected. ``since`` is inclusive,
    ``until`` exclusive, both aware. ``confidence_below``, above 0 and at most 1, implies a label. ``columns`` is a
    subset of ``COLUMNS``, in the wanted order.

    Raises:
        InvalidSelection: an unknown value, a naive time, or a contradiction.
    """

    user_name: str | None = None
    outcome: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    columns: tuple[str, ...] = COLUMNS
    confidence_below: Decimal | None = None

    def __post_init__(self) -> None:
        if not self.columns or len(set(self.columns)) != len(self.columns) or not set(self.columns) <= set(COLUMNS):
            raise InvalidSelection(f"the columns are {', '.join(COLUMNS)}, each at most once and at least one")
        if self.outcome is not None and self.outcome not in OUTCOMES:
            raise InvalidSelection(f"the classes are {', '.join(OUTCOMES)}")
        if self.reason is not None and self.reason not in REASONS:
            raise InvalidSelection(f"the reasons are {', '.join(sorted(REASONS))}")
        if self.reason is not None and self.outcome in LABELS:
            raise InvalidSelection("only rejected objects have a reason")
        if self.confidence_below is not None and not (
            self.confidence_below.is_finite() and 0 < self.confidence_below <= 1
        ):
            raise InvalidSelection("a confidence is above 0 and at most 1")
        if self.confidence_below is not None and (self.reason is not None or self.outcome == REJECTED):
            raise InvalidSelection("only cats and dogs have a confidence")
        for moment in (self.since, self.until):
            if moment is not None and moment.utcoffset() is None:
                raise InvalidSelection("a time needs its offset from UTC")
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise InvalidSelection("the range of time is empty: its end is not after its start")

    @property
    def views(self) -> tuple[str, ...]:
        """The halves of ``image_outcomes`` that can have such rows."""
        if self.outcome in LABELS or self.confidence_below is not None:
            return (CLASSIFICATIONS_VIEW,)
        if self.outcome == REJECTED or self.reason is not None:
            return (REJECTIONS_VIEW,)
        return (CLASSIFICATIONS_VIEW, REJECTIONS_VIEW)


def page_statement(selection: Selection, after: Cursor | None, limit: int) -> tuple[str, list[object]]:
    """
    The statement for one page, newest first, and its parameters: up to ``limit`` rows with the wanted columns and the
    key.

    Keyset pagination instead of OFFSET: each page costs the same, and new rows shift nothing. Each half of the view is
    limited first, since a LIMIT over their union does not use the indexes.
    """
    values: list[object] = [limit]
    conditions = []
    wanted = {
        "user_name = {}": selection.user_name,
        "outcome = {}": selection.outcome if selection.outcome in LABELS else None,
        "reason = {}": selection.reason,
        "timestamp >= {}": selection.since,
        "timestamp < {}": selection.until,
        "confidence < {}": selection.confidence_below,
    }
    for condition, value in wanted.items():
        if value is not None:
            values.append(value)
            conditions.append(condition.format(f"${len(values)}"))
    if selection.confidence_below is not None and selection.confidence_below <= UNSURE_BELOW:
        # Literally, since the planner has to prove that the partial index has all of the rows.
        conditions.append(f"confidence < {UNSURE_BELOW}")
    if after is not None:
        values += after
        # The condition on the timestamp alone bounds the scan of an index without the id.
        conditions.append(f"timestamp <= ${len(values) - 1} AND (timestamp, id) < (${len(values) - 1}, ${len(values)})")
    columns = ", ".join(dict.fromkeys((*selection.columns, *_KEY)))
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    order = "ORDER BY timestamp DESC, id DESC LIMIT $1"
    # Every part of the text comes from this module's constants; ``Selection`` has checked the columns against them.
    halves = [f"(SELECT {columns} FROM {view} {where} {order})" for view in selection.views]  # noqa: S608
    return f"SELECT {columns} FROM ({' UNION ALL '.join(halves)}) AS candidates {order}", values  # noqa: S608
