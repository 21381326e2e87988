"""
What travels with a parked upload, in Kafka headers: how often it was tried, since when, and why again. Pure.

A header that is missing, or says nonsense, costs at most an attempt too many: nothing here raises for any header.
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
"""Of an upload whose picture hung or crashed a decoder."""
PATIENT_FROM: Final = 2
"""Attempts. After one, a suspect may just be slow, on a busy machine; only few are suspects after another."""
_NUMBER: Final = re.compile(r"[0-9]{1,18}")

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Attempt:
    """
    The attempts made so far at one upload.

    ``topic`` (without prefix), ``partition`` and ``offset`` say where the upload first came from. ``is_copy``: an
    operator asked for one more attempt at once, while the original goes on waiting on its retry topic.
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
    def has_all_time(self) -> bool:
        """Whether its picture, a suspect, gets all the time that any may take: before, it is tried for seconds."""
        return self.is_suspect and self.number >= PATIENT_FROM

    def headers(self) -> Headers:
        """As ``read`` takes them."""
        said = {
            "attempt": str(self.number),
            "first_failed_at": self.first_failed_at.isoformat(),
            "reason": self.reason,
            "detail": self.detail[:MAX_DETAIL_CHARS],
            "origin": f"{self.topic}/{self.partition}/{self.offset}",
        }
        if self.is_copy:
            said["copy"] = "true"
        return [(PREFIX + name, value.encode("utf-8", "replace")) for name, value in said.items()]


def is_told(headers: Sequence[tuple[str, bytes | None]]) -> bool:
    """Whether there is anything for ``read``: nearly always there is not, and then it need not be asked."""
    return any(name.startswith(PREFIX) for name, _ in headers)


def read(headers: Sequence[tuple[str, bytes | None]], *, now: datetime) -> Attempt:
    """
    What the headers of a message on a retry topic say.

    Args:
        headers: as the client gives them, null values included.
        now: taken as the first failure where the headers name none, or one that is still to come.
    """
    said = {
        name.removeprefix(PREFIX): (value or b"").decode("utf-8", "replace")
        for name, value in headers
        if name.startswith(PREFIX)
    }
    topic, _, place = said.get("origin", "").partition("/")
    partition, _, offset = place.partition("/")
    reason: RetryReason = "failed"
    for known in get_args(RetryReason):
        if said.get("reason") == known:
            reason = known
    return Attempt(
        number=max(1, min(_number(said.get("attempt", "")), MAX_ATTEMPTS)),
        first_failed_at=min(_moment(said.get("first_failed_at", "")) or now, now),
        reason=reason,
        detail=said.get("detail", "")[:MAX_DETAIL_CHARS],
        topic=topic[:249],
        partition=_number(partition),
        offset=_number(offset),
        is_copy=said.get("copy") == "true",
    )


def _number(text: str) -> int:
    return int(text) if _NUMBER.fullmatch(text) else 0


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
