"""Does the work of one consumer group move? What stands with work at hand and no outage is stuck. Pure, for health."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Progress:
    """
    One stream of work. All that it is made of is asked often and answers at once.

    Attributes:
        pending: how much work is in flight.
        done: how much work is done, ever.
        waiting: how much work is known to wait for this process, could be taken, and was not.
        is_member: whether the process is where it gets such work at all; false while it changes.
        of: what it is, for people; the main stream needs no name.
    """

    pending: Callable[[], int] = lambda: 0
    done: Callable[[], int] = lambda: 0
    waiting: Callable[[], int] = lambda: 0
    is_member: Callable[[], bool] = lambda: True
    of: str = ""
    moved_at: float = 0.0
    """When something was last done, or there was nothing to do; seconds, monotonic."""
    _seen: int = 0

    def observe(self, now: float, *, is_excused: bool) -> None:
        """Note whether it has moved. While it is excused, by a declared outage, it counts as moving."""
        done = self.done()
        is_idle = not self.pending() and not self.waiting() and self.is_member()
        if done != self._seen or is_idle or is_excused:
            self._seen, self.moved_at = done, now

    def told(self, now: float) -> str:
        """The sentence about one that stands."""
        work = f"{self.pending()} deliveries in flight and {self.waiting()} waiting"
        where = "" if self.is_member() else "; no partitions: it is in no consumer group"
        prefix = f"{self.of}: " if self.of else ""
        return f"{prefix}{work}, and none finished for {now - self.moved_at:.0f} s{where}"
