"""
Cross-validation in which a group of pictures (a slice, an origin) is held out whole. Pure.

Pictures of one source resemble each other. If some of them are fitted, the others are judged too well, and the figures
say nothing about a source that nobody has used before.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

from inference.prediction import LABELS, Label


def grouped(groups: Sequence[str], labels: Sequence[Label], folds: int) -> list[int]:
    """
    The fold, 0 to ``folds`` - 1, in which each picture is held out.

    A group lies in one fold. Groups are placed largest first, each where it leaves the folds most alike in number of
    cats, dogs and others. The result depends on the counts alone, not on the order of the pictures.

    Args:
        groups: the group of each picture.
        labels: the label of each picture.
        folds: at least 2.

    Raises:
        ValueError: there are fewer groups than folds, or a fold would leave no picture of a label to fit. One sentence
            with what to do.
    """
    sizes: defaultdict[str, Counter[Label]] = defaultdict(Counter)
    for group, label in zip(groups, labels, strict=True):
        sizes[group][label] += 1
    if len(sizes) < folds:
        raise ValueError(
            f"{folds} folds need at least as many groups, and there are {len(sizes)} ({', '.join(sorted(sizes))}): "
            f"name more slices, take --folds {len(sizes) if len(sizes) > 1 else 0}, or --folds 0 to skip it"
        )
    totals = Counter(labels)
    held = [Counter[Label]() for _ in range(folds)]
    fold_of: dict[str, int] = {}
    for group in sorted(sizes, key=lambda name: (-_share(sizes[name], totals), name)):
        # An empty fold first, so that each gets one. The sum of squares grows least where a label is scarcest.
        chosen = min(
            range(folds),
            key=lambda n: (bool(held[n]), _growth(held[n], sizes[group], totals), _share(held[n], totals), n),
        )
        held[chosen] += sizes[group]
        fold_of[group] = chosen
    if gone := [label for label in LABELS if totals[label] and any(fold[label] == totals[label] for fold in held)]:
        raise ValueError(
            f"a fold would hold out every picture of {' and of '.join(gone)}: divide them into more slices, take fewer "
            "--folds, or --folds 0 to skip cross-validation"
        )
    return [fold_of[group] for group in groups]


def by_picture(labels: Sequence[Label], folds: int) -> list[int]:
    """
    The fold of each picture where the groups are unknown: each label is dealt out in the pictures' order.

    Figures from these folds are better than those on pictures of another source.
    """
    seen: Counter[Label] = Counter()
    fold = []
    for label in labels:
        fold.append(seen[label] % folds)
        seen[label] += 1
    return fold


def _share(counts: Counter[Label], totals: Counter[Label]) -> float:
    return sum(counts[label] / totals[label] for label in totals)


def _growth(held: Counter[Label], group: Counter[Label], totals: Counter[Label]) -> float:
    """By how much the sum over labels of the squared share of the fold grows with the group."""
    return sum((2 * held[label] + group[label]) * group[label] / totals[label] ** 2 for label in totals)
