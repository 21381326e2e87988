"""How good predictions are on labelled pictures: the figures, their definitions, and a runner over a folder."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray

from inference.classifier import Classifier
from inference.decode import Limits, decode
from inference.errors import Reason, RejectedImage
from inference.prediction import LABELS, Label, Prediction

_BATCH: Final = 16


@dataclass(frozen=True, slots=True)
class Labelled:
    """One picture and what it shows, or the reason for which it must be rejected."""

    path: Path
    expected: Label | Reason


@dataclass(frozen=True, slots=True)
class Evaluation:
    """
    Figures over pictures with a known label; every rate is 0..1, NaN where nothing counts towards it.

    ``confusion`` counts (expected, predicted). ``cat_dog_right`` counts the pets whose larger pet score is the right
    one, whether or not they were accepted.
    """

    confusion: Counter[tuple[Label, Label]]
    cat_dog_right: int
    log_loss: float

    def _count(self, expected: set[Label], predicted: set[Label]) -> int:
        return sum(n for (e, p), n in self.confusion.items() if e in expected and p in predicted)

    @property
    def total(self) -> int:
        """Pictures evaluated."""
        return self.confusion.total()

    @property
    def cat_dog_accuracy(self) -> float:
        """Of the pets, those whose larger pet score is that of their species (rejection left aside)."""
        return _rate(self.cat_dog_right, self._count({"cat", "dog"}, set(LABELS)))

    @property
    def three_way_accuracy(self) -> float:
        """Of all pictures, those that got exactly their label."""
        return _rate(sum(self.confusion[label, label] for label in LABELS), self.total)

    @property
    def pets_accepted(self) -> float:
        """Of the pets, those that were called cat or dog."""
        return _rate(self._count({"cat", "dog"}, {"cat", "dog"}), self._count({"cat", "dog"}, set(LABELS)))

    @property
    def others_accepted(self) -> float:
        """Of the pictures without a pet, those that were called cat or dog."""
        return _rate(self._count({"neither"}, {"cat", "dog"}), self._count({"neither"}, set(LABELS)))

    def metrics(self) -> dict[str, float]:
        """The rates by name, rounded to 4 digits."""
        names = ("cat_dog_accuracy", "three_way_accuracy", "pets_accepted", "others_accepted", "log_loss")
        return {name: round(float(getattr(self, name)), 4) for name in names}


def evaluate(expected: Sequence[Label], predictions: Sequence[Prediction]) -> Evaluation:
    """Compare; both in the same order. ValueError if the lengths differ."""
    pairs = list(zip(expected, predictions, strict=True))
    pets = [(label, p) for label, p in pairs if label != "neither"]
    right = sum((p.scores.cat >= p.scores.dog) == (label == "cat") for label, p in pets)
    losses = [-np.log(max(float(getattr(p.scores, label)), 1e-12)) for label, p in pairs]
    return Evaluation(
        Counter((label, p.label) for label, p in pairs), right, float(np.mean(losses)) if losses else float("nan")
    )


def read_labels(labels_csv: Path) -> list[Labelled]:
    """
    The rows of a labels.csv beside its pictures: columns ``file`` and ``label`` (or ``expected``), others ignored.

    Raises:
        ValueError: for a label that is neither a class nor a reason.
    """
    known = {*LABELS, *get_args(Reason)}
    rows = []
    with labels_csv.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            label = row.get("label") or row.get("expected") or ""
            if label not in known:
                raise ValueError(f"{labels_csv}, {row.get('file')}: {label!r} is neither a label nor a reason")
            rows.append(Labelled(labels_csv.parent / row["file"], label))  # type: ignore[arg-type] # checked above
    return rows


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one labelled picture: a prediction or a rejection."""

    labelled: Labelled
    answer: Prediction | RejectedImage

    @property
    def right(self) -> bool:
        """Whether the answer is the expected label, or the expected reason."""
        answer = self.answer
        return self.labelled.expected == (answer.reason if isinstance(answer, RejectedImage) else answer.label)


@dataclass(frozen=True, slots=True)
class FolderEvaluation:
    """Every picture of a labelled folder; ``evaluation`` covers those that decoded and have a class as their label."""

    outcomes: list[Outcome] = field(repr=False)
    evaluation: Evaluation


def evaluate_folder(labels_csv: Path, classifier: Classifier, limits: Limits) -> FolderEvaluation:
    """Decode and classify every picture named in ``labels_csv`` as the product does it, in this process."""
    outcomes: list[Outcome] = []
    for batch in _batches(read_labels(labels_csv)):
        decoded = [_decode(labelled, classifier, limits) for labelled in batch]
        images = [pixels for pixels in decoded if not isinstance(pixels, RejectedImage)]
        predictions = iter(classifier.predict(images))
        outcomes += [
            Outcome(labelled, pixels if isinstance(pixels, RejectedImage) else next(predictions))
            for labelled, pixels in zip(batch, decoded, strict=True)
        ]
    counted = [
        (label, o.answer)
        for o in outcomes
        if isinstance(o.answer, Prediction) and (label := _class(o.labelled.expected)) is not None
    ]
    return FolderEvaluation(outcomes, evaluate([label for label, _ in counted], [answer for _, answer in counted]))


def _decode(labelled: Labelled, classifier: Classifier, limits: Limits) -> NDArray[np.uint8] | RejectedImage:
    try:
        return decode(labelled.path.read_bytes(), classifier.manifest.input, limits)
    except RejectedImage as rejected:
        return rejected


def _class(expected: Label | Reason) -> Label | None:
    return expected if expected in ("cat", "dog", "neither") else None


def _batches(rows: Sequence[Labelled]) -> Iterator[Sequence[Labelled]]:
    return (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))


def _rate(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
