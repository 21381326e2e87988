"""
Tells bad rows from a bad deployment. Refused rows are given up, one by one; when nearly everything is refused, the
schema or a release is at fault, and giving up would empty the topic into dead letters.
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
    How much may be refused before it is no longer the rows' fault.

    ``share`` (0..1) holds for batches of at least ``smallest_batch`` rows. ``same_cause`` rows refused for one cause,
    with no row stored between them, are too many in batches of any size, also when they come one at a time.

    The numbers are chosen, not measured: records are checked before they come here, so a refusal is rare by itself.
    """

    share: float = 0.2
    smallest_batch: int = 20
    same_cause: int = 5


class RefusalRun:
    """Remembers, from batch to batch, how many rows in a row were refused for the same cause."""

    def __init__(self, limits: RefusalLimits) -> None:
        self._limits = limits
        self._cause: tuple[str | None, str | None] | None = None
        self._length = 0

    def check(self, rows: int, errors: Sequence[PermanentPersistenceError]) -> None:
        """
        Judge a batch of ``rows`` rows of which these were refused so far.

        Raises:
            MassRefusal: too many.
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
        """Take note of a batch that was let through."""
        if stored or not errors:
            self._cause, self._length = None, 0
        else:
            self._length = self._extended(errors)
            self._cause = _cause(errors[-1])

    def _extended(self, errors: Sequence[PermanentPersistenceError]) -> int:
        """The length of the run when a batch that was refused as a whole is added to it; 0 where causes differ."""
        causes = {_cause(error) for error in errors}
        if len(causes) > 1:
            return 0
        return len(errors) + (self._length if causes == {self._cause} else 0)


def _cause(error: PermanentPersistenceError) -> tuple[str | None, str | None]:
    return error.sqlstate, error.constraint
