"""Progress of one stream of work. It is stuck if it has work, no outage is declared and nothing finishes. Pure."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Progress:
    """
    One stream of work. The callables are called often and must return at once.

    Attributes:
        pending: amount of work in flight.
        done: amount of work finished since the start.
        waiting: amount of work that waits for this process and could be taken, but was not.
        is_member: whether the process has joined the group that assigns the work; false during a change.
        of: name of the stream in warnings; empty for the main stream.
    """

    pending: Callable[[], int] = lambda: 0
    done: Callable[[], int] = lambda: 0
    waiting: Callable[[], int] = lambda: 0
    is_member: Callable[[], bool] = lambda: True
    of: str = ""
    moved_at: float = 0.0
    """When work last finished, or there was none; seconds, monotonic."""
    _seen: int = 0

    def observe(self, now: float, *, is_excused: bool) -> None:
        """Record whether work has progressed. It counts as progress while a declared outage excuses it."""
        done = self.done()
        is_idle = not self.pending() and not self.waiting() and self.is_member()
        if done != self._seen or is_idle or is_excused:
            self._seen, self.moved_at = done, now

    def warning(self, now: float) -> str:
        """The warning about a stuck stream."""
        work = f"{self.pending()} deliveries in flight and {self.waiting()} waiting"
        where = "" if self.is_member() else "; no partitions: it is in no consumer group"
        prefix = f"{self.of}: " if self.of else ""
        return f"{prefix}{work}, and none finished for {now - self.moved_at:.0f} s{where}"
