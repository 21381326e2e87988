"""What held-out pictures decide: the number of epochs (by cross-validation), and the temperature. Pure."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor, nn

from inference.lab import folds
from inference.lab.examples import Example
from inference.lab.temperature import temperature
from inference.prediction import LABELS, Label

MOST_HELD_OUT: Final = 0.5

Grouping = Literal["origin", "slice", "picture"]


@dataclass(frozen=True, slots=True)
class Validated:
    """
    ``grouping``: what is held out whole. ``folds``: the names of the groups in each fold, or how many pictures. After
    ``epochs`` the mean log loss of the held-out pictures was least (``log_losses``: after each one). ``logits``: of
    ``examples`` at that, float32 (N, 3), already divided by ``temperature``.
    """

    grouping: Grouping
    folds: list[list[str]] | list[int]
    epochs: int
    log_losses: list[float]
    temperature: float
    examples: Sequence[Example]
    logits: Tensor


def divided(examples: Sequence[Example], count: int) -> tuple[Grouping, list[int]]:
    """
    How the pictures are held out, and the fold of each: by origin if the table names any, by slice if it names several,
    else picture by picture. No folds if ``count`` is 0.

    Raises:
        ValueError: they cannot be divided into ``count`` folds.
    """
    if count == 1:
        raise ValueError("1 fold holds nothing out: take --folds 2 or more, or --folds 0 to skip cross-validation")
    if count == 0:
        return "picture", []
    labels, groups = [each.label for each in examples], [each.group for each in examples]
    if len(set(groups)) == 1:
        return "picture", folds.by_picture(labels, count)
    grouping: Grouping = "origin" if any(each.origin for each in examples) else "slice"
    return grouping, folds.grouped(groups, labels, count)


def split(examples: Sequence[Example], share: float) -> tuple[list[Example], list[Example]]:
    """
    The pictures to fit and those to hold out: ``share`` of each slice's pictures of each label, evenly spaced.

    Slices with too few pictures of a label to hold out one (9, if the share is a tenth) count as one slice for it.

    Raises:
        ValueError: the share is not within 0 and 0.5, or too small to hold out a picture of each label.
    """
    if not 0 <= share <= MOST_HELD_OUT:
        raise ValueError(f"--hold-out {share:g}: at most half of the pictures can be held out, such as 0.1")
    sizes = Counter((each.slice, each.label) for each in examples)
    seen: Counter[tuple[str | None, Label]] = Counter()
    parts: tuple[list[Example], list[Example]] = [], []
    for each in examples:
        counted_in = each.slice if int(sizes[each.slice, each.label] * share) else None
        before = seen[counted_in, each.label]
        seen[counted_in, each.label] += 1
        parts[int((before + 1) * share) > int(before * share)].append(each)
    if share and {each.label for each in parts[1]} != set(LABELS):
        raise ValueError(
            f"--hold-out {share:g} leaves a label without a picture to judge by: hold out more, or name fewer slices"
        )
    return parts


def judged(held_out: Sequence[Example], logits: Sequence[Tensor]) -> Validated:
    """
    The verdict on one training by pictures that it did not fit; all its epochs count.

    Args:
        held_out: the pictures.
        logits: theirs after each epoch, (N, 3).
    """
    last = validated("picture", [held_out], [logits[-1:]])
    labels = torch.tensor([LABELS.index(each.label) for each in held_out])
    losses = [float(nn.functional.cross_entropy(each, labels)) for each in logits]
    return dataclasses.replace(last, epochs=len(logits), log_losses=losses)


def validated(
    grouping: Grouping, held_out: Sequence[Sequence[Example]], logits: Sequence[Sequence[Tensor]]
) -> Validated:
    """
    The verdict on folds.

    Args:
        grouping: as ``divided`` gives it.
        held_out: the pictures of each fold.
        logits: for each fold, after each epoch, those of its pictures, (N, 3).
    """
    examples = [each for fold in held_out for each in fold]
    labels = torch.tensor([LABELS.index(each.label) for each in examples])
    by_epoch = [torch.cat(list(epoch)) for epoch in zip(*logits, strict=True)]
    losses = [float(nn.functional.cross_entropy(each, labels)) for each in by_epoch]
    best = losses.index(min(losses))
    divisor = temperature(by_epoch[best], labels)
    return Validated(
        grouping=grouping,
        folds=[len(fold) for fold in held_out]
        if grouping == "picture"
        else [sorted({each.group for each in fold}) for fold in held_out],
        epochs=best + 1,
        log_losses=losses,
        temperature=divisor,
        examples=examples,
        logits=by_epoch[best] / divisor,
    )
