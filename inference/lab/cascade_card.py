"""
The card of a cascade of two trained networks: what the small one defers, chosen on pictures that neither had seen.

It lies beside the weights as ``cascade.json``. Names no picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from inference.errors import ModelUnusable
from inference.lab import operating_curve
from inference.lab.deferral import THRESHOLDS, Deferral, chosen, deferral, predicted, scores
from inference.lab.figures import by_slice, figures
from inference.lab.held_out import HeldOut, read, table_of
from inference.manifest import Cascade, OperatingCurve, Rule
from inference.model.file import checksum, replace
from inference.model.recipe import CASCADE, CASCADE_CARD, COMPOSITIONS, Arch

FORMAT: Final = "petstream.cascade/1"
_DIGITS: Final = 5


@dataclass(frozen=True, slots=True)
class Composed:
    """How two networks answer together, and the consequences of other thresholds, if they were measured."""

    cascade: Cascade
    curve: OperatingCurve | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen among ``points``, beside each network alone (``small``, ``large``)."""

    file: Path
    point: Deferral
    points: Sequence[Deferral]
    small: Deferral
    large: Deferral
    document: dict[str, Any]


def choose(folder: Path, rule: Rule = "mean") -> Choice:
    """
    Choose the threshold of the cascade of a folder's weights, and write its card there (replaced atomically).

    Args:
        folder: of two trainings with the same tables and folds: weights, cards, tables of held-out pictures.
        rule: whose scores a deferred picture has.

    Raises:
        OSError: a file cannot be read, or the card not written.
        ValueError: the trainings do not belong together; one sentence that says what to do.
    """
    archs = COMPOSITIONS["cascade"]
    files = [folder / f"{arch}.safetensors" for arch in archs]
    cards = [_of_training(arch, file) for arch, file in zip(archs, files, strict=True)]
    small, large = (read(table_of(file)) for file in files)
    if [(each.file, each.label) for each in small] != [(each.file, each.label) for each in large]:
        raise ValueError(
            f"the networks in {folder} were not trained on the same pictures: train both with the same tables"
        )
    held_out = [card["cross_validation"] for card in cards]
    if held_out[0]["folds"] != held_out[1]["folds"]:
        raise ValueError(f"the networks in {folder} were not held out alike: train both with the same --folds")
    points = [deferral(small, large, each, rule) for each in THRESHOLDS]
    alone = deferral(small, large, 0.0, rule), deferral(small, large, 2.0, "large")
    point = chosen(points)
    document = _document(small, large, point, rule) | {
        "weights_sha256": [checksum(file) for file in files],
        "alone": {arch: each["figures"] for arch, each in zip(archs, held_out, strict=True)},
        "candidates": [msgspec.to_builtins(each) for each in points],
    }
    file = folder / CASCADE_CARD
    replace(file, msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    return Choice(file, point, points, *alone, document)


def composed(file: Path | None) -> Composed:
    """
    What the card in a folder of weights says; the recipe's threshold and no curve if there is no card.

    Raises:
        ModelUnusable: the card is damaged, or belongs to other weights.
    """
    if file is None or not file.exists():
        return Composed(CASCADE)
    remedy = f"Choose again with `petstream model cascade {file.parent}`, or remove the card."
    try:
        card = msgspec.json.decode(file.read_bytes())
        checksums = [checksum(file.parent / f"{arch}.safetensors") for arch in COMPOSITIONS["cascade"]]
        if card["weights_sha256"] != checksums:
            raise ModelUnusable(f"{file} was made for other weights. {remedy}")
        return Composed(
            Cascade(defer_below=card["defer_below"], rule=card["rule"]), msgspec.convert(card["curve"], OperatingCurve)
        )
    except (msgspec.DecodeError, msgspec.ValidationError, KeyError, TypeError) as error:
        raise ModelUnusable(f"{file} is no card of a cascade. {remedy}") from error


def _of_training(arch: Arch, file: Path) -> dict[str, Any]:
    """The card of a training whose weights and held-out pictures are those in the folder."""
    table = table_of(file)
    again = f"repeat `petstream model train --arch {arch} --output {file.parent}` with its tables and options"
    if not table.exists():
        raise ValueError(f"{table} is missing: {again}, and with --folds or --hold-out")
    try:
        card: dict[str, Any] = msgspec.json.decode(file.with_suffix(".json").read_bytes())
        made = card.get("weights_sha256"), card.get("held_out_sha256")
        _ = card["cross_validation"]["folds"], card["cross_validation"]["figures"]
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{file.with_suffix('.json')} is no card of a training: {again}") from error
    if any(stated not in (None, checksum(of)) for stated, of in zip(made, (file, table), strict=True)):
        raise ValueError(f"{file}, its card and {table.name} are not of one training: {again}")
    return card


def _document(small: Sequence[HeldOut], large: Sequence[HeldOut], point: Deferral, rule: Rule) -> dict[str, Any]:
    labels = [each.label for each in small]
    answers = [predicted(scores(one, other, point.defer_below, rule)) for one, other in zip(small, large, strict=True)]
    curve = operating_curve.stated(
        operating_curve.curve(list(zip(labels, answers, strict=True))),
        "pictures that neither network had seen",
    )
    return {
        "format": FORMAT,
        "defer_below": point.defer_below,
        "rule": rule,
        "deferred": round(point.deferred, _DIGITS),
        "figures": figures(labels, answers),
        "slices": by_slice([each.slice for each in small], labels, answers),
        "curve": msgspec.to_builtins(curve),
    }
