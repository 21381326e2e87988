"""How good predictions are on labelled pictures: the figures, their definitions, and a runner over a folder."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.classifier import Classifier
from inference.decode import Limits, decode
from inference.errors import REASONS, Reason, RejectedImage
from inference.lab.calibration import calibrate
from inference.lab.labels import read_table
from inference.lab.proportion import Proportion
from inference.prediction import LABELS, Label, Prediction

KNOWN: Final = (*LABELS, *REASONS)
"""What a table may say of a picture."""
_BATCH: Final = 16


@dataclass(frozen=True, slots=True)
class Labelled:
    """One picture and what it shows, or the reason for which it must be rejected."""

    path: Path
    expected: Label | Reason
    place: str = ""
    """The table and the line that name it, where one does."""

    def read(self) -> bytes:
        """
        The file's bytes.

        Raises:
            OSError: if it cannot be read; told with its place.
        """
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise self._told(error) from error

    def check(self) -> None:
        """As ``read``, without reading."""
        try:
            self.path.open("rb").close()
        except OSError as error:
            raise self._told(error) from error

    def _told(self, error: OSError) -> OSError:
        if not self.place or error.errno is None:
            return error
        remedy = f"{error.strerror} ({self.place}: correct the name there, or take the line out)"
        return OSError(error.errno, remedy, str(self.path))

    @property
    def name(self) -> str:
        """The file's name for a person's eyes: what could steer a terminal or turn text around is replaced."""
        return "".join(each if each.isprintable() else "\ufffd" for each in self.path.name)


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

    def proportions(self) -> dict[str, Proportion]:
        """
        The counts behind the rates.

        ``accuracy``: of the pets, those whose larger pet score is that of their species (rejection left aside).
        ``pets_accepted``: of the pets, those that were called cat or dog. ``non_pets_accepted``: of the others, those
        that were. ``three_way_accuracy``: of all, those that got exactly their label.
        """
        pets: set[Label] = {"cat", "dog"}
        every = set(LABELS)
        return {
            "accuracy": Proportion(self.cat_dog_right, self._count(pets, every)),
            "pets_accepted": Proportion(self._count(pets, pets), self._count(pets, every)),
            "non_pets_accepted": Proportion(self._count({"neither"}, pets), self._count({"neither"}, every)),
            "three_way_accuracy": Proportion(sum(self.confusion[label, label] for label in LABELS), self.total),
        }

    @property
    def cat_dog_accuracy(self) -> float:
        """See ``proportions``, accuracy."""
        return self.proportions()["accuracy"].rate

    @property
    def three_way_accuracy(self) -> float:
        """See ``proportions``."""
        return self.proportions()["three_way_accuracy"].rate

    @property
    def pets_accepted(self) -> float:
        """See ``proportions``."""
        return self.proportions()["pets_accepted"].rate

    @property
    def others_accepted(self) -> float:
        """See ``proportions``, non_pets_accepted."""
        return self.proportions()["non_pets_accepted"].rate

    def metrics(self) -> dict[str, float]:
        """The rates by name, rounded to 4 digits."""
        names = ("cat_dog_accuracy", "three_way_accuracy", "pets_accepted", "others_accepted", "log_loss")
        return {name: round(float(getattr(self, name)), 4) for name in names}


def evaluate(expected: Sequence[Label], predictions: Sequence[Prediction]) -> Evaluation:
    """Compare; both in the same order. ValueError if the lengths differ."""
    pairs = list(zip(expected, predictions, strict=True))
    pets = [(label, p) for label, p in pairs if label != "neither"]
    right = sum((p.scores.cat >= p.scores.dog) == (label == "cat") for label, p in pets)
    return Evaluation(Counter((label, p.label) for label, p in pairs), right, calibrate(expected, predictions).log_loss)


def read_labels(labels_csv: Path) -> list[Labelled]:
    """
    The rows of a labels.csv beside its pictures; see ``labels.read_table`` for how it may be written.

    Raises:
        OSError: if the table cannot be read.
        ValueError: if it is no such table, or a label is neither a class nor a reason; with the line.
    """
    return [
        Labelled(labels_csv.parent / row.file, row.label, row.place)  # type: ignore[arg-type] # one of KNOWN
        for row in read_table(labels_csv, KNOWN)
    ]


def pictures_digest(files: Iterable[bytes], labels: Iterable[str]) -> str:
    """Sha256 over the sorted lines "<sha256 of the file> <label>": the same for the same pictures in any order."""
    lines = sorted(f"{hashlib.sha256(file).hexdigest()} {label}\n" for file, label in zip(files, labels, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


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
    """Every picture of a labelled folder and what became of it, in the table's order."""

    outcomes: list[Outcome] = field(repr=False)

    def judged(self) -> list[tuple[Label, Prediction]]:
        """Expected label and prediction of the pictures that decoded and have a class as their label, in order."""
        return [
            (label, o.answer)
            for o in self.outcomes
            if isinstance(o.answer, Prediction) and (label := _class(o.labelled.expected)) is not None
        ]

    @property
    def evaluation(self) -> Evaluation:
        """The figures over ``judged``."""
        judged = self.judged()
        return evaluate([label for label, _ in judged], [answer for _, answer in judged])

    @property
    def as_labelled(self) -> Proportion:
        """Of all pictures, those whose outcome is the expected one, be it a label or a reason for rejection."""
        return Proportion(sum(o.right for o in self.outcomes), len(self.outcomes))

    def mistakes(self) -> list[tuple[Labelled, Prediction]]:
        """Pictures that got a label which is not the expected one, the most confident first."""
        wrong = [(o.labelled, o.answer) for o in self.outcomes if isinstance(o.answer, Prediction) and not o.right]
        return sorted(wrong, key=lambda each: -each[1].confidence)

    def rejections(self) -> list[tuple[Labelled, RejectedImage]]:
        """Pictures that did not decode, in order."""
        return [(o.labelled, o.answer) for o in self.outcomes if isinstance(o.answer, RejectedImage)]


def evaluate_folder(
    labels_csv: Path,
    classifier: Classifier,
    limits: Limits,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> FolderEvaluation:
    """
    Decode and classify every picture named in ``labels_csv`` as the product does it, in this process.

    Args:
        labels_csv: see ``read_labels``, with what it raises.
        classifier: left open.
        limits: of the decoder.
        progress: told how many of how many pictures are done.

    Raises:
        OSError: if a picture cannot be read, which is no property of the model.
    """
    rows = read_labels(labels_csv)
    outcomes: list[Outcome] = []
    for batch in _batches(rows):
        decoded = [_decode(labelled, classifier, limits) for labelled in batch]
        images = [pixels for pixels in decoded if not isinstance(pixels, RejectedImage)]
        predictions = iter(classifier.predict(images))
        outcomes += [
            Outcome(labelled, pixels if isinstance(pixels, RejectedImage) else next(predictions))
            for labelled, pixels in zip(batch, decoded, strict=True)
        ]
        progress(len(outcomes), len(rows))
    return FolderEvaluation(outcomes)


def _decode(labelled: Labelled, classifier: Classifier, limits: Limits) -> NDArray[np.uint8] | RejectedImage:
    try:
        return decode(labelled.read(), classifier.manifest.input, limits)
    except RejectedImage as rejected:
        return rejected


def _class(expected: Label | Reason) -> Label | None:
    return expected if expected in ("cat", "dog", "neither") else None


def _batches(rows: Sequence[Labelled]) -> Iterator[Sequence[Labelled]]:
    return (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))
