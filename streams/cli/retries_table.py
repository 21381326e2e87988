"""How waiting uploads are written: totals, rows and a page of text for people, JSON for programs. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from streams.cli.fitting_table import Column
from streams.cli.records_table import json_lines, shown
from streams.cli.rejections_table import pretty
from streams.contracts.topics import RETRY_TOPICS
from streams.retry.waiting import Waiting
from streams.runtime.printable import printable

TOTALS: Final = (
    *(Column("topic"), Column("reason"), Column("uploads", right=True)),
    *(Column("oldest failed at"), Column("next due at")),
)
COLUMNS: Final = (
    *(Column("place"), Column("due"), Column("reason"), Column("attempts", right=True), Column("first_failed_at")),
    *(Column("object", folds=True), Column("detail", folds=True)),
)
DETAIL_CHARS: Final = 80
"""Of the detail in a row; ``show`` has it whole."""


@dataclass(slots=True)
class _Total:
    number: int
    oldest: datetime
    due: datetime


@dataclass(slots=True)
class Summary:
    """Counts what waits, and keeps what is due first: at most ``limit`` rows, without the notifications."""

    limit: int
    number: int = 0
    totals: dict[tuple[str, str], _Total] = field(default_factory=dict)
    _rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, found: Waiting) -> None:
        """Count one upload."""
        self.number += 1
        failed_at = found.attempt.first_failed_at
        total = self.totals.setdefault((found.topic, found.attempt.reason), _Total(0, failed_at, found.due))
        total.number += 1
        total.oldest, total.due = min(total.oldest, failed_at), min(total.due, found.due)
        self._rows.append(fields(found))
        if len(self._rows) > 2 * self.limit:
            self._rows = self.rows

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What is due first, as ``fields`` gives it."""
        return sorted(self._rows, key=lambda row: row["due"])[: self.limit]

    def total_rows(self) -> Iterator[tuple[str, ...]]:
        """Printable cells under ``TOTALS``, in the order of the topics."""
        for (topic, reason), total in sorted(
            self.totals.items(), key=lambda item: (RETRY_TOPICS.index(item[0][0]), item[0][1])
        ):
            cells = (topic, reason, f"{total.number:,}", shown(total.oldest), shown(total.due))
            yield tuple(printable(cell) for cell in cells)


def fields(found: Waiting) -> dict[str, Any]:
    """All but headers and notification."""
    made = found.attempt
    return {
        "place": found.place,
        "id": found.id,
        "image_url": found.image_url,
        "reason": made.reason,
        "detail": made.detail,
        "attempts": made.number,
        "first_failed_at": made.first_failed_at,
        "due": found.due,
        "origin": f"{made.topic}:{made.partition}:{made.offset}",
    }


def table_row(row: dict[str, Any]) -> tuple[str, ...]:
    """Printable cells under ``COLUMNS``, of what ``fields`` gives."""
    detail = row["detail"]
    short = detail if len(detail) <= DETAIL_CHARS else f"{detail[: DETAIL_CHARS - 1]}…"
    cells = (
        *(row["place"], shown(row["due"]), row["reason"], row["attempts"], shown(row["first_failed_at"])),
        *(row["image_url"], short),
    )
    return tuple(printable(cell) for cell in cells)


def json_row(row: dict[str, Any]) -> str:
    """One object on a line."""
    return json_lines(tuple(row), [tuple(row.values())])


def json_document(found: Waiting) -> str:
    """One object on a line with ``headers`` and ``message``: base64 of the notification."""
    headers = [[name, _text(value)] for name, value in found.headers]
    return json_row(fields(found) | {"headers": headers, "message": found.body})


def described(found: Waiting) -> Iterator[str]:
    """Printable lines: every field, the headers, then the notification, indented where it is JSON."""
    for name, value in fields(found).items():
        yield f"{name:15} {printable(value)}"
    yield "headers"
    yield from (f"  {printable(name)}: {printable(_text(value))}" for name, value in found.headers)
    yield f"message         {len(found.body):,} bytes"
    yield from (f"  {line}" for line in pretty(found.body))


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "backslashreplace")
