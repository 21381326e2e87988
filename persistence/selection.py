"""
A selection of outcomes, and the statement that reads one page of it. Pure.

Values are always parameters. Text in the statement (columns, views, conditions) comes from closed sets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from persistence import name_search
from persistence.errors import InvalidSelection
from persistence.keyset import LEAST_SURE, NEWEST, ORDERS, AnyCursor, ConfidenceCursor, Cursor
from persistence.records import LABELS, REASONS

__all__ = [
    "COLUMNS",
    "LIMIT_MAX",
    "OUTCOMES",
    "UNSURE_BELOW",
    "Cursor",
    "InvalidSelection",
    "Selection",
    "check_name_part",
    "check_range",
    "count_statement",
    "page_statement",
]

COLUMNS = (
    *("id", "user_name", "image_url", "source_bucket", "source_key", "outcome", "reason", "confidence"),
    *("timestamp", "source_sequencer", "model_rev", "updated_at"),
)
REJECTED = "rejected"
OUTCOMES = (*sorted(LABELS), REJECTED)
LIMIT_MAX = 10_000  # a page is held in memory
CONFIDENCE_STEP: Final = Decimal("0.0001")
"""The least confidence above 0 that is stored: DECIMAL(5,4)."""
UNSURE_BELOW = Decimal("0.9")
"""The index of migration 0015 has the records of less confidence."""


class Half(NamedTuple):
    """A half of ``image_outcomes``: its table, its view, and the expression of the names."""

    table: str
    view: str
    names: str


CLASSIFICATIONS: Final = Half("classification_records", "current_classifications", name_search.CLASSIFICATION_NAMES)
REJECTIONS: Final = Half("image_rejections", "current_rejections", name_search.REJECTION_NAMES)
# The rows are found by the table's indexes, and each is looked up in the view. OFFSET 0 keeps it a lookup: where many
# rows are asked for, the planner would hash, and that reads a table.
_HALF: Final = """(
    SELECT {columns} FROM {table} r CROSS JOIN LATERAL (SELECT {columns} FROM {view} v WHERE v.id = r.id OFFSET 0) AS v
     WHERE {where} {order} LIMIT $1)"""


@dataclass(frozen=True, slots=True)
class Selection:
    """
    Which outcomes, in which order, and which of their columns. None: all.

    ``outcome`` is one of ``OUTCOMES``; ``reason`` is one of ``REASONS`` and implies rejected. ``since`` is inclusive,
    ``until`` exclusive, both aware. ``confidence_below``, 0.0001 to 1, implies a label. ``columns`` is a
    subset of ``COLUMNS``, in the wanted order. ``name_part``: of the user's name or the file's name, in any case.
    ``order`` is one of ``ORDERS``; ``least_sure`` implies a label.

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
    name_part: str | None = None
    order: str = NEWEST

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
            self.confidence_below.is_finite() and CONFIDENCE_STEP <= self.confidence_below <= 1
        ):
            raise InvalidSelection(f"a confidence to be below is {CONFIDENCE_STEP} to 1")
        if self.order not in ORDERS:
            raise InvalidSelection(f"the orders are {', '.join(ORDERS)}")
        if self._asks_confidence and (self.reason is not None or self.outcome == REJECTED):
            raise InvalidSelection("only cats and dogs have a confidence")
        check_name_part(self.name_part)
        check_range(self.since, self.until)

    @property
    def _asks_confidence(self) -> bool:
        return self.confidence_below is not None or self.order == LEAST_SURE

    def cursor(self, text: str) -> AnyCursor:
        """
        Parse the cursor of a page in this order.

        Raises:
            InvalidSelection: the text is no such cursor.
        """
        return ConfidenceCursor.from_text(text) if self.order == LEAST_SURE else Cursor.from_text(text)

    @property
    def halves(self) -> tuple[Half, ...]:
        """The halves of ``image_outcomes`` that can have such rows."""
        if self.outcome in LABELS or self._asks_confidence:
            return (CLASSIFICATIONS,)
        if self.outcome == REJECTED or self.reason is not None:
            return (REJECTIONS,)
        return (CLASSIFICATIONS, REJECTIONS)


def check_range(since: datetime | None, until: datetime | None) -> None:
    """
    Refuse a range of time that selects nothing.

    Raises:
        InvalidSelection: a naive time, or an end that is not after the start.
    """
    for moment in (since, until):
        if moment is not None and moment.utcoffset() is None:
            raise InvalidSelection("a time needs its offset from UTC")
    if since is not None and until is not None and since >= until:
        raise InvalidSelection("the range of time is empty: its end is not after its start")


def check_name_part(part: str | None) -> None:
    """
    Refuse a part of a name that no index finds.

    Raises:
        InvalidSelection: it is too long, or has neither a letter nor a digit.
    """
    if part is not None and not name_search.is_searchable(part):
        raise InvalidSelection(
            f"a part of a name has a letter or a digit, and at most {name_search.PART_CHARS} characters"
        )


def page_statement(selection: Selection, after: AnyCursor | None, limit: int) -> tuple[str, list[object]]:
    """
    The statement for one page, in the wanted order, and its parameters: up to ``limit`` rows with the wanted columns
    and the key.

    Keyset pagination instead of OFFSET: each page costs the same, and new rows shift nothing. Each half of the view is
    limited first, since a LIMIT over their union does not use the indexes.
    """
    values: list[object] = [limit]
    conditions = []
    wanted = {
        "r.user_name = {}": selection.user_name,
        "r.classification = {}": selection.outcome if selection.outcome in LABELS else None,
        "r.reason = {}": selection.reason,
        "r.timestamp >= {}": selection.since,
        "r.timestamp < {}": selection.until,
        "r.confidence < {}": selection.confidence_below,
    }
    for condition, value in wanted.items():
        if value is not None:
            values.append(value)
            conditions.append(condition.format(f"${len(values)}"))
    if selection.confidence_below is not None and selection.confidence_below <= UNSURE_BELOW:
        # Literally, since the planner has to prove that the partial index has all of the rows.
        conditions.append(f"r.confidence < {UNSURE_BELOW}")
    order = ORDERS[selection.order]
    if after is not None:
        values += after
        conditions.append(order.beyond(f"${len(values) - 1}", f"${len(values)}"))
    patterns = () if selection.name_part is None else name_search.patterns(selection.name_part)
    first = len(values) + 1
    values += patterns
    columns = dict.fromkeys((*selection.columns, *order.key))
    # Every part of the text comes from this package's constants; ``Selection`` has checked columns and order.
    halves = []
    for half in selection.halves:
        named = [name_search.condition(half.names, first, len(patterns))] if patterns else []
        halves.append(
            _HALF.format(
                columns=", ".join(f"v.{column}" for column in columns),
                table=half.table,
                view=half.view,
                where=" AND ".join([*conditions, *named]) or "true",
                order=order.clause("r."),
            )
        )
    candidates = " UNION ALL ".join(halves)
    return f"SELECT {', '.join(columns)} FROM ({candidates}) AS candidates {order.clause()} LIMIT $1", values  # noqa: S608


def count_statement(selection: Selection, limit: int) -> tuple[str, list[object]]:
    """
    The statement that counts the selected outcomes up to ``limit``, and its parameters.

    It counts a page's keys. Their order and limit make the planner walk the indexes of that page, and not a table.
    """
    key = ORDERS[selection.order].key
    statement, values = page_statement(replace(selection, columns=key), None, limit)
    return f"SELECT count(*) FROM ({statement}) AS counted", values  # noqa: S608 - as above
