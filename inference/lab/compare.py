"""Compares two models on the same pictures: which of them each gets right alone, and whether that is chance. Pure."""

import math
from dataclasses import dataclass

from inference.lab.evaluate import FolderEvaluation, Labelled, Outcome
from inference.lab.slices import by_slice, counted


@dataclass(frozen=True, slots=True)
class Difference:
    """``won``: pictures that the model gets right and the other does not. ``lost``: the reverse. Of ``pictures``."""

    pictures: int
    won: tuple[Labelled, ...]
    lost: tuple[Labelled, ...]

    @property
    def p_value(self) -> float:
        """See ``mcnemar``."""
        return mcnemar(len(self.won), len(self.lost))


@dataclass(frozen=True, slots=True)
class Comparison:
    """A model against another one, over all pictures but policy cases, and by slice."""

    other: str
    total: Difference
    slices: dict[str, Difference]


def compare(ours: FolderEvaluation, theirs: FolderEvaluation, other: str) -> Comparison:
    """
    Compare outcomes with the expected ones.

    Args:
        ours: of the model.
        theirs: of the other one, on the same pictures in the same order.
        other: its name.

    Raises:
        ValueError: the pictures differ.
    """
    slices, others = by_slice(ours), by_slice(theirs)
    return Comparison(
        other,
        _difference(counted(ours).outcomes, counted(theirs).outcomes),
        {name: _difference(each.outcomes, others[name].outcomes) for name, each in slices.items()},
    )


def mcnemar(won: int, lost: int) -> float:
    """
    McNemar's exact test, two-sided: the probability, 0..1, of a split at least as uneven between models equally good.

    Source: McNemar 1947; the binomial form of Fagerland, Lydersen and Laake 2013, "The McNemar test for binary
    matched-pairs data", equation 1.
    """
    differing = won + lost
    tail = sum(math.comb(differing, count) for count in range(min(won, lost) + 1))
    every: int = 2**differing
    return min(1.0, 2 * tail / every)


def _difference(ours: list[Outcome], theirs: list[Outcome]) -> Difference:
    pairs = list(zip(ours, theirs, strict=True))
    if any(one.labelled != other.labelled for one, other in pairs):
        raise ValueError("the two models were evaluated on different pictures")
    return Difference(
        len(pairs),
        won=tuple(one.labelled for one, other in pairs if one.right and not other.right),
        lost=tuple(one.labelled for one, other in pairs if other.right and not one.right),
    )
