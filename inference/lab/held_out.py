"""The scores of each picture by a network that had not seen it: the table that cross-validation leaves."""

import csv
import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import torch

from inference.lab.examples import Example
from inference.model.file import replace
from inference.prediction import LABELS, Label

_COLUMNS: Final = ("file", "label", "slice", *LABELS)
_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A picture, as its table names it, and its scores: cat, dog, neither, 0..1."""

    file: str
    label: Label
    slice: str
    scores: tuple[float, float, float]


def table_of(weights: Path) -> Path:
    """The table beside a file of trained weights."""
    return weights.with_suffix(".held-out.csv")


def write(path: Path, examples: Sequence[Example], logits: torch.Tensor) -> None:
    """
    Write the table (replaced atomically), sorted by file.

    Args:
        path: the table.
        examples: the pictures.
        logits: of the networks that had not seen them, (N, 3), divided by the temperature.

    Raises:
        OSError: the table cannot be written.
    """
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(_COLUMNS)
    rows = zip(examples, logits.double().softmax(1).tolist(), strict=True)
    for each, scores in sorted(rows, key=lambda row: str(row[0].path)):
        table.writerow([str(each.path), each.label, each.slice, *(f"{score:.{_DIGITS}f}" for score in scores)])
    replace(path, text.getvalue().encode("utf-8", "surrogateescape"))


def read(path: Path) -> list[HeldOut]:
    """
    The rows of a table that ``write`` wrote.

    Raises:
        OSError: the table cannot be read.
        ValueError: the table is another one; one sentence that says what to do.
    """
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    with suppress(ValueError, TypeError, csv.Error):
        names, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        if tuple(names) == _COLUMNS:
            return [_row(*row) for row in rows]
    raise ValueError(f"{path} is no table of held-out pictures: take the one that `petstream model train` wrote")


def _row(file: str, label: str, of: str, *scores: str) -> HeldOut:
    cat, dog, neither = (float(score) for score in scores)
    return HeldOut(file, LABELS[LABELS.index(cast("Label", label))], of, (cat, dog, neither))
