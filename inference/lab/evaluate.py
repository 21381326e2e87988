"""Evaluates predictions on labelled pictures: the metrics, their definitions, and a runner over a folder."""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from inference.classifier import Classifier
from inference.decode import Limits, decode
from inference.errors import REASONS, Reason, RejectedImage
from inference.lab import picture_file
from inference.lab.calibration import calibrate
from inference.lab.labels import read_table
from inference.lab.proportion import Proportion
from inference.manifest import InputSpec, Thresholds
from inference.prediction import LABELS, Label, Prediction, decide

KNOWN: Final = (*LABELS, *REASONS)
"""The labels that a table may use."""
_BATCH: Final = 16
_Decoded = NDArray[np.uint8] | RejectedImage


@dataclass(frozen=True, slots=True)
class Labelled:
    """A picture and its expected label, or the expected reason of its rejection."""

    path: Path
    expected: Label | Reason
    place: str = ""
    """The table and line that name it; empty if none."""
    slice: str = ""
    """The name of the pictures it belongs with; empty if none."""

    def read(self) -> bytes:
        """
        The file's bytes.

        Raises:
            OSError: it cannot be read; the message names its place.
        """
        try:
            return picture_file.read(self.path)
        except OSError as error:
            raise self._located(error) from error

    def check(self) -> None:
        """Raise the errors of ``read`` without reading."""
        try:
            picture_file.opened(self.path).close()
        except OSError as error:
            raise self._located(error) from error

    def _located(self, error: OSError) -> OSError:
        if not self.place or error.errno is None:
            return error
        remedy = f"{error.strerror} ({self.place}: correct the name there, or take the line out)"
        return OSError(error.errno, remedy, str(self.path))

    @property
    def name(self) -> str:
        """The file's name for display; characters that control a terminal or the writing direction are replaced."""
        return _displayed(self.path.name)

    @property
    def slice_name(self) -> str:
        """The slice's name for display, as ``name``."""
        return _displayed(self.slice)


def _displayed(name: str) -> str:
    return "".join(each if each.isprintable() else "\ufffd" for each in name)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """
    Metrics over labelled pictures. Rates are 0..1, NaN without pictures.

    ``confusion`` counts (expected, predicted). ``cat_dog_right`` counts the pets whose higher pet score is the right
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

        ``accuracy``: pets whose higher pet score is that of their species, accepted or not. ``pets_accepted``: pets
        labelled cat or dog. ``non_pets_accepted``: other pictures labelled cat or dog. ``three_way_accuracy``: pictures
        with exactly their label.
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
    """Compare labels and predictions in the same order. Raises ValueError if the lengths differ."""
    pairs = list(zip(expected, predictions, strict=True))
    pets = [(label, p) for label, p in pairs if label != "neither"]
    right = sum((p.scores.cat >= p.scores.dog) == (label == "cat") for label, p in pets)
    return Evaluation(Counter((label, p.label) for label, p in pairs), right, calibrate(expected, predictions).log_loss)


def read_labels(labels_csv: Path) -> list[Labelled]:
    """
    The rows of a labels.csv in the folder of its pictures; see ``labels.read_table`` for the format.

    Raises:
        OSError: the table cannot be read.
        ValueError: the table is invalid, or a label is neither a class nor a reason; names the line.
    """
    return [
        Labelled(labels_csv.parent / row.file, row.label, row.place, row.slice)  # type: ignore[arg-type] # one of KNOWN
        for row in read_table(labels_csv, KNOWN)
    ]


def pictures_digest(files: Iterable[bytes], labels: Iterable[str]) -> str:
    """SHA-256 over the sorted lines "<sha256 of the file> <label>", each once: the pictures' order is no matter."""
    lines = sorted({f"{hashlib.sha256(file).hexdigest()} {label}\n" for file, label in zip(files, labels, strict=True)})
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one labelled picture: a prediction or a rejection."""

    labelled: Labelled
    answer: Prediction | RejectedImage

    @property
    def right(self) -> bool:
        """Whether the answer is the expected label, or the expected reason."""
        answer = self.answer
        return self.labelled.expected == (answer.reason if isinstance(answer, RejectedImage) else answer.label)

    def at(self, thresholds: Thresholds) -> "Outcome":
        """The result that other thresholds would have given."""
        if isinstance(self.answer, RejectedImage):
            return self
        decided = decide(self.answer.scores, accept=thresholds.accept, compared=thresholds.compared)
        return Outcome(self.labelled, replace(self.answer, label=decided.label, confidence=decided.confidence))


@dataclass(frozen=True, slots=True)
class FolderEvaluation:
    """The results of a labelled folder, in the table's order."""

    outcomes: list[Outcome] = field(repr=False)

    def judged(self) -> list[tuple[Label, Prediction]]:
        """Expected label and prediction of the pictures that decoded and are labelled with a class, in order."""
        return [
            (label, o.answer)
            for o in self.outcomes
            if isinstance(o.answer, Prediction) and (label := _class(o.labelled.expected)) is not None
        ]

    @property
    def evaluation(self) -> Evaluation:
        """The metrics over ``judged``."""
        judged = self.judged()
        return evaluate([label for label, _ in judged], [answer for _, answer in judged])

    def proportions(self) -> dict[str, Proportion]:
        """``Evaluation.proportions``, and ``as_labelled``."""
        return self.evaluation.proportions() | {"as_labelled": self.as_labelled}

    @property
    def as_labelled(self) -> Proportion:
        """The share of pictures with the expected outcome: label, or reason of rejection."""
        return Proportion(sum(o.right for o in self.outcomes), len(self.outcomes))

    def mistakes(self) -> list[tuple[Labelled, Prediction]]:
        """Pictures with a wrong label, the most confident first."""
        wrong = [(o.labelled, o.answer) for o in self.outcomes if isinstance(o.answer, Prediction) and not o.right]
        return sorted(wrong, key=lambda each: -each[1].confidence)

    def at(self, thresholds: Thresholds) -> "FolderEvaluation":
        """The results that other thresholds would have given."""
        return FolderEvaluation([outcome.at(thresholds) for outcome in self.outcomes])

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
    Decode and classify every picture of ``labels_csv`` as the service does, in this process.

    Args:
        labels_csv: see ``read_labels``, also for its errors.
        classifier: not closed.
        limits: of the decoder.
        progress: called with the number of pictures done and in total.

    Raises:
        OSError: a picture cannot be read.
    """
    [result] = evaluate_models(labels_csv, [classifier], limits, progress=progress)
    return result


def evaluate_models(
    labels_csv: Path,
    classifiers: Sequence[Classifier],
    limits: Limits,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[FolderEvaluation]:
    """
    As ``evaluate_folder``, with several models on the same pictures: one result for each, in order.

    A picture is read once, and decoded once for all models that take the same input. Pixels are kept for one batch.
    """
    rows = read_labels(labels_csv)
    results: list[list[Outcome]] = [[] for _ in classifiers]
    for batch in _batches(rows):
        decoded = _decoded(batch, {each.manifest.input for each in classifiers}, limits)
        for classifier, outcomes in zip(classifiers, results, strict=True):
            pixels = decoded[classifier.manifest.input]
            predictions = iter(classifier.predict([each for each in pixels if not isinstance(each, RejectedImage)]))
            outcomes += [
                Outcome(labelled, each if isinstance(each, RejectedImage) else next(predictions))
                for labelled, each in zip(batch, pixels, strict=True)
            ]
        progress(len(results[0]), len(rows))
    return [FolderEvaluation(outcomes) for outcomes in results]


def _decoded(
    batch: Sequence[Labelled], inputs: Collection[InputSpec], limits: Limits
) -> dict[InputSpec, list[_Decoded]]:
    decoded: dict[InputSpec, list[_Decoded]] = {spec: [] for spec in inputs}
    for labelled in batch:
        file = labelled.read()
        for spec, pixels in decoded.items():
            try:
                pixels.append(decode(file, spec, limits))
            except RejectedImage as rejected:
                pixels.append(rejected)
    return decoded


def _class(expected: Label | Reason) -> Label | None:
    return expected if expected in ("cat", "dog", "neither") else None


def _batches(rows: Sequence[Labelled]) -> Iterator[Sequence[Labelled]]:
    return (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))
