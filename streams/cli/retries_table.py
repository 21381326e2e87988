"""Formats waiting uploads: totals, table rows, a page of text, or JSON. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from streams.cli.fitting_table import Column
from streams.cli.message_tables import page, row, short
from streams.cli.records_table import json_line
from streams.contracts.topics import RETRY_TOPICS
from streams.retry.waiting import Waiting

TOTALS: Final = (
    *(Column("topic"), Column("reason"), Column("uploads", right=True)),
    *(Column("oldest failed at"), Column("next due at")),
)
COLUMNS: Final = (
    *(Column("place"), Column("due"), Column("reason"), Column("attempts", right=True), Column("first_failed_at")),
    *(Column("object", folds=True), Column("detail", folds=True)),
)


@dataclass(slots=True)
class _Total:
    number: int
    oldest: datetime
    due: datetime


@dataclass(slots=True)
class Summary:
    """Counts the waiting uploads, and keeps the ``limit`` rows that are due first, without their notifications."""

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
        """The rows that are due first, as returned by ``fields``."""
        return sorted(self._rows, key=lambda each: each["due"])[: self.limit]

    def total_rows(self) -> Iterator[tuple[str, ...]]:
        """Printable cells under ``TOTALS``, in the order of the topics."""
        for (topic, reason), total in sorted(
            self.totals.items(), key=lambda item: (RETRY_TOPICS.index(item[0][0]), item[0][1])
        ):
            yield row(topic, reason, f"{total.number:,}", total.oldest, total.due)


def fields(found: Waiting) -> dict[str, Any]:
    """All fields except headers and notification."""
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


def table_row(fields: dict[str, Any]) -> tuple[str, ...]:
    """Printable cells under ``COLUMNS`` for a result of ``fields``."""
    names = ("place", "due", "reason", "attempts", "first_failed_at", "image_url")
    return row(*(fields[name] for name in names), short(fields["detail"]))


def json_document(found: Waiting) -> str:
    """One JSON object on a line, with ``headers`` and the notification as base64 in ``message``."""
    return json_line(fields(found) | {"headers": _headers(found), "message": found.body})


def described(found: Waiting) -> Iterator[str]:
    """Printable lines: all fields, the headers, then the notification."""
    return page(fields(found), "message", found.body, _headers(found))


def _headers(found: Waiting) -> list[tuple[str, str | None]]:
    return [
        (name, None if value is None else value.decode("utf-8", "backslashreplace")) for name, value in found.headers
    ]
