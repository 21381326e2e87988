"""What the labels mean, and how sure one has to be. Light: no torch."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from inference.manifest import OperatingCurve, Thresholds

POLICY: Final = (
    "A label is for a photograph of a living domestic cat or dog that a person sees without searching.",
    "An animal on less than about 3 % of the picture's area does not count.",
    "A picture with cats and dogs gets the label of the one that is larger in it.",
    "A pet together with people or other animals gets the pet's label.",
    "Wolves, foxes, jackals, big cats, lynx and wildcats are neither. Breeds that look wild are pets.",
    "Drawings, plush, statues and rendered pictures are neither.",
    "A screenshot of a photograph of a pet gets the pet's label.",
)
"""The rules by which pictures are labelled, for fitting and evaluation; a manifest carries them."""
EVEN: Final = Thresholds(accept=0.5, compared="label")
"""The label is more likely right than wrong, if the scores can be trusted."""


def thresholds(card: Mapping[str, Any]) -> Thresholds:
    """
    The thresholds of a weights' card, at its key ``thresholds``; ``EVEN`` if the card has none.

    Raises:
        msgspec.ValidationError: they are not ``Thresholds``.
    """
    return msgspec.convert(card["thresholds"], Thresholds) if "thresholds" in card else EVEN


def operating_curve(card: Mapping[str, Any]) -> OperatingCurve | None:
    """
    The curve of a weights' card, at its key ``curve``; None if the card has none.

    Raises:
        msgspec.ValidationError: the curve is not an ``OperatingCurve``.
    """
    return msgspec.convert(card["curve"], OperatingCurve) if "curve" in card else None
