"""Reads the card beside trained weights, which ``petstream model train`` wrote."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from inference.errors import ModelUnusable
from inference.manifest import InputSpec, OperatingCurve, Thresholds
from inference.model.file import checksum
from inference.model.policy import operating_curve, thresholds
from inference.model.recipe import SOURCES, Arch


@dataclass(frozen=True, slots=True)
class Card:
    """What a card says, and the whole ``document``; the defaults of the architecture where it says nothing."""

    input: InputSpec
    thresholds: Thresholds
    curve: OperatingCurve | None
    document: dict[str, Any]


def read_card(weights: Path, arch: Arch) -> Card:
    """
    The card beside a file of weights of an architecture. There may be none: ``document`` is empty then.

    Raises:
        ModelUnusable: the card is damaged, or was written for other weights.
    """
    file = weights.with_suffix(".json")
    remedy = "Repeat the command of the training, or put the card of these weights there."
    try:
        document = msgspec.json.decode(file.read_bytes(), type=dict[str, Any]) if file.exists() else {}
        spec = msgspec.convert(document["input"], InputSpec) if "input" in document else SOURCES[arch].input
        card = Card(spec, thresholds(document), operating_curve(document), document)
    except msgspec.DecodeError as error:
        raise ModelUnusable(f"{file} is no card of trained weights: {error}. {remedy}") from error
    if "weights_sha256" in document and document["weights_sha256"] != checksum(weights):
        raise ModelUnusable(f"{file} was written for other weights. {remedy}")
    return card
