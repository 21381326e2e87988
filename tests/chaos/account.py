"""What was uploaded against what is in the tables, object by object. Version by version: see history. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Expected:
    """
    The newest version of an object, and how it must end; its etag where that is to be compared too.

    Attributes:
        also: another outcome that is as good: an object that is deleted at once may have been read before.
        is_any_version: the row may name none, or another one of the same bytes.
        may_be_absent: there may be no row.
    """

    version_id: str | None
    outcome: str
    etag: str | None = None
    also: str | None = None
    is_any_version: bool = False
    may_be_absent: bool = False

    def fits(self, row: Mapping[str, Any]) -> bool:
        """Whether a row of image_outcomes is this version's."""
        outcome = row["reason"] or row["outcome"]
        is_version = self.is_any_version or row["source_version_id"] == self.version_id
        return outcome in {self.outcome, self.also} and is_version


@dataclass(frozen=True, slots=True)
class Account:
    """Empty lists are what is hoped for."""

    uploaded: int
    versions: int
    outcomes: Mapping[str, int]
    lost: list[str]
    wrong: list[str]
    doubled: list[str]
    dead_letters: int
    reprocessed: int

    @property
    def holds(self) -> bool:
        """Whether every object has exactly its own newest outcome."""
        return not (self.lost or self.wrong or self.doubled or self.dead_letters)

    def lines(self) -> list[str]:
        """The account in words."""
        counts = ", ".join(f"{name} {count}" for name, count in sorted(self.outcomes.items()))
        found = [
            f"objects {self.uploaded} in {self.versions} versions = {sum(self.outcomes.values())} outcomes: {counts}",
            f"lost {len(self.lost)}, wrong {len(self.wrong)}, doubled {len(self.doubled)}",
            f"dead letters {self.dead_letters}; results published beyond one a version: {self.reprocessed}",
        ]
        return found + [
            f"  {kind}: {text}" for kind in ("lost", "wrong", "doubled") for text in getattr(self, kind)[:20]
        ]


def settle(
    expected: Mapping[str, Expected],
    versions: int,
    rows: Sequence[Mapping[str, Any]],
    *,
    published: int,
    dead_letters: int,
    taken: int = 0,
) -> Account:
    """
    Compare.

    Args:
        expected: by key.
        versions: how many uploads there were.
        rows: of image_outcomes, each with source_key, source_version_id, outcome, reason and perhaps source_etag.
        published: how many results are on the topics.
        dead_letters: how many rows were refused for good.
        taken: how many versions nobody was told of.
    """
    times = Counter(row["source_key"] for row in rows)
    found = {row["source_key"]: row for row in rows}
    wrong = []
    for key, wanted in expected.items():
        row = found.get(key)
        if row is None:
            continue
        outcome = row["reason"] or row["outcome"]
        if not wanted.fits(row):
            wrong.append(f"{key}: {outcome} of {row['source_version_id']}, not {wanted.outcome} of {wanted.version_id}")
        elif wanted.etag is not None and row["source_etag"] != wanted.etag:
            wrong.append(f"{key}: etag {row['source_etag']}, not {wanted.etag}")
    return Account(
        uploaded=len(expected),
        versions=versions,
        outcomes=Counter(row["reason"] or row["outcome"] for row in rows),
        lost=sorted(key for key, wanted in expected.items() if key not in found and not wanted.may_be_absent),
        wrong=wrong,
        doubled=sorted([key for key, count in times.items() if count > 1] + list(found.keys() - expected.keys())),
        dead_letters=dead_letters,
        reprocessed=published - versions + taken,
    )
