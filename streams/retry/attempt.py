"""
The state of a parked upload, in Kafka headers: attempts so far, first failure, reason. Pure.

Nothing here raises for any header. A missing or invalid one costs at most one attempt too many.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, get_args

from streams.contracts import RetryReason

PREFIX: Final = "petstream_retry_"
MAX_DETAIL_CHARS: Final = 500
MAX_ATTEMPTS: Final = 1_000_000
SUSPECT: Final[RetryReason] = "decoder_crashed"
"""The reason of an upload whose picture hung or crashed a decoder."""
FULL_TIME_FROM: Final = 2
"""Attempts after which a suspect gets the long time limit. After one, it may just be slow on a busy machine."""
_NUMBER: Final = re.compile(r"[0-9]{1,18}")

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Attempt:
    """
    The attempts made so far at one upload.

    ``topic`` (without prefix), ``partition`` and ``offset`` are the upload's original position. ``is_copy``: an
    operator asked for one more attempt at once (petstream retries now); the original keeps waiting on its retry topic.
    """

    number: int
    first_failed_at: datetime
    reason: RetryReason
    detail: str
    topic: str
    partition: int
    offset: int
    is_copy: bool = False

    @property
    def is_suspect(self) -> bool:
        """Whether its picture hung or crashed a decoder."""
        return self.reason == SUSPECT

    @property
    def has_full_time(self) -> bool:
        """Whether its picture, a suspect, gets the full time limit. Before that, it is tried for seconds."""
        return self.is_suspect and self.number >= FULL_TIME_FROM

    def headers(self) -> Headers:
        """The headers that ``read`` reads."""
        fields = {
            "attempt": str(self.number),
            "first_failed_at": self.first_failed_at.isoformat(),
            "reason": self.reason,
            "detail": self.detail[:MAX_DETAIL_CHARS],
            "origin": f"{self.topic}/{self.partition}/{self.offset}",
        }
        if self.is_copy:
            fields["copy"] = "true"
        return [(PREFIX + name, value.encode("utf-8", "replace")) for name, value in fields.items()]


def has_attempt(headers: Sequence[tuple[str, bytes | None]]) -> bool:
    """Whether there is anything for ``read``. A cheap check: most messages have no such headers."""
    return any(name.startswith(PREFIX) for name, _ in headers)


def read(headers: Sequence[tuple[str, bytes | None]], *, now: datetime) -> Attempt:
    """
    The attempts that the headers of a message on a retry topic record.

    Args:
        headers: as the client gives them, null values included.
        now: used as the first failure if the headers have none, or one in the future.
    """
    fields = {
        name.removeprefix(PREFIX): (value or b"").decode("utf-8", "replace")
        for name, value in headers
        if name.startswith(PREFIX)
    }
    topic, _, place = fields.get("origin", "").partition("/")
    partition, _, offset = place.partition("/")
    reason: RetryReason = "failed"
    for known in get_args(RetryReason):
        if fields.get("reason") == known:
            reason = known
    return Attempt(
        number=max(1, min(_number(fields.get("attempt", "")), MAX_ATTEMPTS)),
        first_failed_at=min(_moment(fields.get("first_failed_at", "")) or now, now),
        reason=reason,
        detail=fields.get("detail", "")[:MAX_DETAIL_CHARS],
        topic=topic[:249],
        partition=_number(partition),
        offset=_number(offset),
        is_copy=fields.get("copy") == "true",
    )


def _number(text: str) -> int:
    return int(text) if _NUMBER.fullmatch(text) else 0


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
