"""What the doctor says about one thing, and whether two clocks agree. Pure."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

Role = Literal["bridge", "classify", "sink"]
CLOCK_SECONDS: Final = 60.0
"""Apart so far, latencies and ages on the dashboards mean nothing; AWS refuses signatures that are 5 minutes off."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was found, and the remedy; no remedy means that it is well."""

    role: str
    subject: str
    found: str
    remedy: str | None = None


Look = Callable[[], Awaitable[list[Finding]]]


def clock(role: str, whose: str, theirs: datetime, ours: datetime | None = None) -> list[Finding]:
    """A finding if the clock of this machine and another are further apart than CLOCK_SECONDS; else none."""
    apart = ((ours or datetime.now(UTC)) - theirs).total_seconds()
    if abs(apart) <= CLOCK_SECONDS:
        return []
    found = f"{abs(apart):,.0f} s {'ahead of' if apart > 0 else 'behind'} {whose}"
    return [Finding(role, "clock", found, "set the clock of this machine or of that one: is chrony or ntpd running?")]


def said(error: BaseException) -> str:
    """The error on one line, at most 200 characters of its text."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
