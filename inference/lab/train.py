"""
Fine-tunes a network on labelled pictures, for ``petstream model train``: cross-validation, one training, weights, card.

Cross-validation holds groups of pictures out whole (``folds``). It gives the number of epochs, the temperature, and the
figures of the card. Then one network is trained on everything.
"""

import errno
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import torch
from torch import Tensor

from inference import cpus
from inference.lab import card, checkpoint, held_out
from inference.lab.examples import Example, check_room, digest, read_examples, store
from inference.lab.start import Start
from inference.lab.training import Hardware, Progress, Recipe, Result, Run, Trainer
from inference.lab.validation import Grouping, Validated, divided, judged, split, validated
from inference.model import weights
from inference.model.file import checksum, replace
from inference.model.policy import EVEN
from inference.prediction import LABELS

FOLDS: Final = 3
_CHECKPOINT_BYTES: Final = 40  # of each number: network, average and two moments, in the old file and in the new
_MOST_WORKERS: Final = 12


@dataclass(frozen=True, slots=True)
class Trained:
    """What was written, and the card's document."""

    weights: Path
    card: Path
    document: dict[str, Any]


def available() -> Hardware:
    """The first CUDA device, else the processor, with processes that prepare pictures for it."""
    others = max(cpus.available() - 1, 0)
    if torch.cuda.is_available():
        return Hardware(torch.device("cuda"), min(others, _MOST_WORKERS))
    return Hardware(torch.device("cpu"), min(others, 1))  # one prepares them faster than a processor trains


def train(
    tables: Sequence[Path],
    start: Start,
    recipe: Recipe,
    *,
    output: Path,
    work: Path,
    fold_count: int = FOLDS,
    hold_out: float = 0.0,
    hardware: Hardware | None = None,
    note: str = "",
    progress: Progress = lambda _stage, _done, _total: None,
    report: Callable[[str], None] = lambda _sentence: None,
) -> Trained:
    """
    Train ``start`` on the pictures of ``tables``; write ``<arch>.safetensors`` and ``<arch>.json`` to ``output``.

    Args:
        tables: of labels cat, dog and neither, each in the folder of its pictures, with a column ``slice`` and perhaps
            ``origin``. Slices whose names begin with ``x-`` are not fitted, and reported.
        start: the network.
        recipe: the numbers.
        output: a folder, created if it is missing, in one that exists.
        work: a folder for the pictures and checkpoints, created if it is missing. The same call continues from there
            after an interruption. The pictures stay when the training is done.
        fold_count: folds of the cross-validation, 2 and up; 0: none, and ``recipe.epochs`` epochs.
        hold_out: instead of cross-validation, this share of each slice's pictures is never fitted, and judges the
            result; 0: none. It costs no second training, and says less about pictures of other sources.
        hardware: where to compute; None: ``available``.
        note: about the pictures, for the card.
        progress: called with a stage, and how many of its parts are done and in total.
        report: called with a sentence after each epoch.

    Raises:
        OSError: a file cannot be read or written, or the disk has not enough room.
        ValueError: the pictures or their labels are unusable, the work folder belongs to another training, or the
            network does not learn. One sentence that says what to do.
        ModelUnusable: the start's file cannot be used.
    """
    if not output.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, f"make the folder {output.parent} first", str(output))
    examples = read_examples(tables)
    fitted, others = _parted(examples)
    if hold_out:
        fold_count = 0
    fitted, held = split(fitted, hold_out)
    grouping, fold_of = divided(fitted, fold_count)
    hardware = hardware or available()
    pictures, folder = work / "pictures", work / start.arch
    for each in (output, work, pictures):
        each.mkdir(exist_ok=True)
    with checkpoint.opened(folder, _plan(examples, start, recipe, fold_count, hold_out)):
        check_room(work, _CHECKPOINT_BYTES * sum(each.numel() for each in start.build().parameters()))
        store(pictures, examples, progress=lambda done, total: progress("pictures", done, total))
        trainer = Trainer(start, recipe, hardware, pictures)
        features = _features(trainer, fitted, folder, progress)

        def trained(run: Run, inside: Sequence[int]) -> Result:
            return trainer.run(run, features[list(inside)], _file(folder, str(run.number)), progress, report)

        verdict, seconds = None, 0.0
        if fold_count:
            folds = [[n for n, of in enumerate(fold_of) if of == fold] for fold in range(fold_count)]
            verdict, seconds = _cross_validated(fitted, folds, grouping, recipe.epochs, trained)
        name = "all pictures" if not held else f"{len(fitted)} pictures"
        run = Run(fold_count, fitted, held, verdict.epochs if verdict else recipe.epochs, name)
        result = trained(run, range(len(fitted)))
        verdict = judged(held, result.logits) if held else verdict
        target = output / f"{start.arch}.safetensors"
        table = held_out.table_of(target)
        told: dict[str, Any] = {}
        if verdict:
            held_out.write(table, verdict.examples, verdict.logits)
            told = {"curve": msgspec.to_builtins(card.curve(verdict)), "held_out_sha256": checksum(table)}
        else:
            table.unlink(missing_ok=True)  # of an earlier training
        state = _tempered(result.state, verdict.temperature if verdict else 1.0)
        weights.write(target, state, {"arch": start.arch, "labels": LABELS, "pictures_sha256": digest(fitted)})
        logits = trainer.logits(weights.read(target), others, lambda done, total: progress("not fitted", done, total))
        document = {
            "format": card.FORMAT,
            "arch": start.arch,
            "labels": LABELS,
            "input": msgspec.to_builtins(start.input),
            "weights_sha256": checksum(target),
            "start": start.provenance,
            "pictures": card.pictures(fitted, note),
            "recipe": msgspec.to_builtins(recipe),
            "epochs": run.epochs,
            "thresholds": msgspec.to_builtins(EVEN),
            "cross_validation": card.cross_validation(verdict) if verdict else None,
            **told,
            "not_fitted": card.reported(others, logits),
            "packages": card.packages(),
            "machine": card.machine(hardware),
            "minutes": round((seconds + result.seconds) / 60, 1),
        }
        replace(target.with_suffix(".json"), msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
        checkpoint.remove(folder)
    return Trained(target, target.with_suffix(".json"), document)


def _cross_validated(
    fitted: Sequence[Example],
    folds: Sequence[Sequence[int]],
    grouping: Grouping,
    epochs: int,
    trained: Callable[[Run, Sequence[int]], Result],
) -> tuple[Validated, float]:
    """Train without each fold in turn, given as indices of ``fitted``; the verdict, and the seconds it took."""
    outside, results = [], []
    for number, fold in enumerate(folds):
        inside = sorted(set(range(len(fitted))) - set(fold))
        outside.append([fitted[n] for n in fold])
        name = f"fold {number + 1} of {len(folds)}"
        results.append(trained(Run(number, [fitted[n] for n in inside], outside[-1], epochs, name), inside))
    verdict = validated(grouping, outside, [each.logits for each in results])
    return verdict, sum(each.seconds for each in results)


def _parted(examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """The pictures to fit, and the others."""
    return [each for each in examples if each.is_fitted], [each for each in examples if not each.is_fitted]


def _features(trainer: Trainer, fitted: Sequence[Example], folder: Path, progress: Progress) -> Tensor:
    """The features of the network before training, once for all folds."""
    file = _file(folder, "features")
    before = checkpoint.load(file)
    if before is None:
        before = {"features": trainer.features(fitted, lambda done, total: progress("features", done, total))}
        checkpoint.save(file, before)
    features: Tensor = before["features"]
    return features


def _tempered(state: dict[str, Tensor], temperature: float) -> dict[str, Tensor]:
    """The network's tensors with the classifier divided by the temperature."""
    classifier = {name: state[name] / temperature for name in ("classifier.weight", "classifier.bias")}
    return state | classifier


def _plan(
    examples: Sequence[Example], start: Start, recipe: Recipe, fold_count: int, hold_out: float
) -> dict[str, Any]:
    """All that decides the weights, by names that an error can tell."""
    return {
        "pictures": hashlib.sha256("\n".join(card.identity(examples)).encode()).hexdigest()[:12],
        "start": start.provenance,
        "folds": fold_count,
        "hold out": hold_out,
        **{name.replace("_", " "): value for name, value in msgspec.to_builtins(recipe).items()},
        **card.packages(),
    }


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}{checkpoint.SUFFIX}"
