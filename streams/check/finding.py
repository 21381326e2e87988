"""The result of one check, and the comparison of two clocks. Pure."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

Role = Literal["bridge", "classify", "sink"]
CLOCK_SECONDS: Final = 60.0
"""A larger difference makes latencies and ages on dashboards useless. AWS refuses signatures 5 minutes off."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The subject of a check, the result and the remedy; no remedy means that there is no problem."""

    role: str
    subject: str
    found: str
    remedy: str | None = None


Look = Callable[[], Awaitable[list[Finding]]]


def clock(role: str, whose: str, theirs: datetime, ours: datetime | None = None) -> list[Finding]:
    """A finding if the clocks of this and another machine differ by more than CLOCK_SECONDS; else none."""
    apart = ((ours or datetime.now(UTC)) - theirs).total_seconds()
    if abs(apart) <= CLOCK_SECONDS:
        return []
    found = f"{abs(apart):,.0f} s {'ahead of' if apart > 0 else 'behind'} {whose}"
    return [Finding(role, "clock", found, "set the clock of this machine or of that one: is chrony or ntpd running?")]
