"""The whole account of a run: tables, topics, stalls, what was broken. Printed for people, written for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from rich.table import Table

from tests.chaos.account import Account
from tests.chaos.faults import KILLS, KINDS, Fault
from tests.chaos.history import History
from tests.chaos.waits import MAX_BLOCKED_SECONDS, Waits

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Report:
    """What a run found."""

    seed: int
    seconds: float
    tables: Account
    history: History
    waits: Waits | None
    taken: int
    """Versions whose message retention took."""
    found_by_reconcile: Sequence[str]
    """Objects without their outcome, other than those that retention took."""
    left_in_queue: int
    """Notifications that nobody took, those that the queue gave up included."""
    unacknowledged: int
    """Messages that a consumer group has not committed."""
    faults: Mapping[str, int]
    kills: Mapping[str, int]
    ended: Sequence[str]
    """Processes that ended by themselves or asked to be restarted. Allowed: nothing must be lost by it."""

    @property
    def not_drawn(self) -> list[Fault]:
        """The kinds of faults that did not happen: what the run says nothing about."""
        kills = {f"kill {role}" for role, count in self.kills.items() if count}
        return [kind for kind in (*KINDS, *KILLS) if not self.faults.get(kind) and kind not in kills]

    @property
    def holds(self) -> bool:
        """Whether there is no difference at all."""
        return not any(found for _, _, found in self.differences())

    def differences(self) -> list[tuple[str, str, list[str]]]:
        """Each kind of difference that there may be: its name, what it means, and those that were found."""
        letters = [f"{self.tables.dead_letters} on storage-dead-letters"] if self.tables.dead_letters else []
        queued = [f"{self.left_in_queue} messages"] if self.left_in_queue else []
        behind = [f"{self.unacknowledged} messages"] if self.unacknowledged else []
        return [
            ("lost", "objects without a row in image_outcomes", self.tables.lost),
            ("wrong", "rows of another label, reason, version or etag", self.tables.wrong),
            ("doubled", "objects with two rows, rows of no object", self.tables.doubled),
            ("dead letters", "rows that PostgreSQL refused", letters),
            ("unanswered", "versions without a result on the topics", self.history.unanswered),
            ("blamed", "rejections that the picture did not earn", self.history.blamed),
            ("mislabelled", "results of another label or of other bytes", self.history.mislabelled),
            ("contradicted", "versions with results that differ", self.history.contradicted),
            ("strangers", "results of what nobody uploaded", self.history.strangers),
            (
                "found by reconcile",
                "objects that retention did not take",
                list(self.found_by_reconcile),
            ),
            ("blocked", f"waits of more than {MAX_BLOCKED_SECONDS:g} s because of others", self._blocked),
            ("left in the queue", "notifications, dead letters included", queued),
            ("unacknowledged", "messages that a group has not committed", behind),
        ]

    @property
    def _blocked(self) -> list[str]:
        return self.waits.too_long if self.waits else []

    def table(self) -> Table:
        """The account for a terminal."""
        table = Table("what", "count", "means", title=f"seed {self.seed}, {self.seconds:.0f} s", title_justify="left")
        table.add_row("objects", f"{self.tables.uploaded}", f"in {self.tables.versions} versions")
        table.add_row("outcomes", f"{sum(self.tables.outcomes.values())}", _counts(self.tables.outcomes))
        table.add_row("results published", f"{sum(self.history.outcomes.values())}", _counts(self.history.outcomes))
        table.add_row("taken by retention", f"{self.taken}", "versions; reconcile found what is there of them")
        table.add_row("re-processed", f"{self.tables.reprocessed}", "results beyond one a version", end_section=True)
        for name, means, found in self.differences():
            table.add_row(name, f"{len(found)}", means, style="bold red" if found else None)
        table.add_section()
        for name, count in sorted(self.faults.items()):
            table.add_row(name, f"{count}", "")
        table.add_row("kill -9", f"{sum(self.kills.values())}", _counts(self.kills))
        table.add_row("not drawn", f"{len(self.not_drawn)}", ", ".join(self.not_drawn))
        table.add_row("ended by themselves", f"{len(self.ended)}", "", end_section=True)
        if (waits := self.waits) is not None:
            most, longest = waits.most_blocked, waits.longest
            table.add_row("waited for others", f"{most.blocked_seconds:.1f} s", f"at most; {most.key}")
            table.add_row("… healthy pictures", f"{waits.measured}", f"of {waits.healthy}: waited while all was well")
            table.add_row(
                "… usual wait", f"{waits.usual_seconds:.1f} s", f"median; {waits.pace_seconds * 1000:.0f} ms each"
            )
            table.add_row("… longest wait", f"{longest.seconds:.1f} s", f"whatever it was for; {longest.key}")
        return table

    def lines(self) -> list[str]:
        """The differences, each on a line of its own, not too many of each kind."""
        return [f"{name}: {text}" for name, _, found in self.differences() for text in found[:SHOWN]] + list(self.ended)

    def document(self) -> dict[str, Any]:
        """The account for programs."""
        return {"holds": self.holds, "not_drawn": self.not_drawn, **msgspec.to_builtins(self)}


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
