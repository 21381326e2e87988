"""
Distinguishes bad rows from a bad deployment. Single refused rows become dead letters. If most rows are refused, the
schema or a release is at fault, and the whole topic would become dead letters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from persistence.errors import MassRefusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from persistence.errors import PermanentPersistenceError


@dataclass(frozen=True, slots=True)
class RefusalLimits:
    """
    The limits of refused rows.

    In batches of at least ``smallest_batch`` rows, at most the share ``share`` (0..1) may be refused. In batches of any
    size, fewer than ``same_cause`` rows in a row may be refused for the same cause.

    The numbers are chosen, not measured. Refusals are rare, since records are validated first.
    """

    share: float = 0.2
    smallest_batch: int = 20
    same_cause: int = 5


class RefusalRun:
    """Counts, across batches, how many rows in a row were refused for the same cause."""

    def __init__(self, limits: RefusalLimits) -> None:
        self._limits = limits
        self._cause: tuple[str | None, str | None] | None = None
        self._length = 0

    def check(self, rows: int, errors: Sequence[PermanentPersistenceError]) -> None:
        """
        Check a batch of ``rows`` rows against the limits, given the refusals so far.

        Raises:
            MassRefusal: a limit is exceeded.
        """
        refused = len(errors)
        if rows >= self._limits.smallest_batch and refused > self._limits.share * rows:
            raise MassRefusal(
                f"{refused} of at most {rows} rows were refused, the last with: {errors[-1]}",
                refused=refused,
                rows=rows,
                cause=errors[-1],
            )
        if refused == rows and (run := self._extended(errors)) >= self._limits.same_cause:
            raise MassRefusal(
                f"the last {run} rows were all refused for the same cause: {errors[-1]}",
                refused=run,
                rows=run,
                cause=errors[-1],
            )

    def settle(self, *, stored: int, errors: Sequence[PermanentPersistenceError]) -> None:
        """Record a batch that passed the check."""
        if stored or not errors:
            self._cause, self._length = None, 0
        else:
            self._length = self._extended(errors)
            self._cause = _cause(errors[-1])

    def _extended(self, errors: Sequence[PermanentPersistenceError]) -> int:
        """The length of the run after a batch that was refused completely; 0 if its causes differ."""
        causes = {_cause(error) for error in errors}
        if len(causes) > 1:
            return 0
        return len(errors) + (self._length if causes == {self._cause} else 0)


def _cause(error: PermanentPersistenceError) -> tuple[str | None, str | None]:
    return error.sqlstate, error.constraint
