"""The result of one check, and the comparison of two clocks. Pure."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

Role = Literal["bridge", "classify", "sink"]
State = Literal["ok", "warning", "problem"]
CLOCK_SECONDS: Final = 60.0
"""A larger difference makes latencies and ages on dashboards useless: a warning."""
SIGNATURE_SECONDS: Final = 300.0
"""AWS refuses signatures whose time is further off than this: a problem."""


@dataclass(frozen=True, slots=True)
class Finding:
    """
    The subject of a check, the result and the remedy.

    Without a remedy all is well. A problem keeps the role from its work; with a warning the role works, but a person
    should act.
    """

    role: str
    subject: str
    found: str
    remedy: str | None = None
    is_warning: bool = False

    @property
    def state(self) -> State:
        """Whether it is well, a warning or a problem."""
        if self.remedy is None:
            return "ok"
        return "warning" if self.is_warning else "problem"


Look = Callable[[], Awaitable[list[Finding]]]


def clock(role: str, whose: str, theirs: datetime, ours: datetime | None = None) -> list[Finding]:
    """A finding if the clocks of this and another machine differ by more than CLOCK_SECONDS; else none."""
    apart = ((ours or datetime.now(UTC)) - theirs).total_seconds()
    if abs(apart) <= CLOCK_SECONDS:
        return []
    found = f"{abs(apart):,.0f} s {'ahead of' if apart > 0 else 'behind'} {whose}"
    remedy = "set the clock of this machine or of that one: is chrony or ntpd running?"
    return [Finding(role, "clock", found, remedy, is_warning=abs(apart) <= SIGNATURE_SECONDS)]
