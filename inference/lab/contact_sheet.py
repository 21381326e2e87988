"""Contact sheets of the misjudged pictures, grouped by kind of error."""

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PIL import Image

from inference.decode import Limits, decode
from inference.errors import RejectedImage
from inference.lab.evaluate import Labelled
from inference.lab.findings import Findings
from inference.manifest import InputSpec
from inference.prediction import Prediction

MOST: Final = 60
"""Pictures on one sheet: 4 KB each, so a page of four sheets stays below 2 MB."""
_THUMBNAIL: Final = InputSpec(size=128, resize=128)
_Kind = Callable[[Labelled, Prediction], bool]
_KINDS: Final[tuple[tuple[str, _Kind], ...]] = (
    ("Pets called the other", lambda each, given: _is_pet(each) and given.label != "neither"),
    ("Pets lost", lambda each, given: _is_pet(each) and given.label == "neither"),
    ("Non-pets accepted", lambda each, _: each.expected == "neither"),
    ("Files that should have been rejected", lambda each, _: each.expected not in ("cat", "dog", "neither")),
)


@dataclass(frozen=True, slots=True)
class Tile:
    """A misjudged picture; ``thumbnail`` is a JPEG in base64, None if the file was replaced since."""

    labelled: Labelled
    prediction: Prediction
    thumbnail: str | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """The errors of one kind, the most confident first; ``hidden`` more are not shown."""

    title: str
    tiles: tuple[Tile, ...]
    hidden: int


def sheets(found: Findings, limits: Limits) -> list[Sheet]:
    """
    The sheets that have pictures, the one of policy cases last.

    Reads the files again.

    Args:
        found: the evaluation.
        limits: of the decoder, as for the model.
    """
    mistakes = found.pictures.mistakes()
    groups = [(title, [each for each in mistakes if belongs(*each)]) for title, belongs in _KINDS]
    groups.append(("Policy cases called otherwise", found.policy_pictures.mistakes()))
    return [_sheet(title, members, limits) for title, members in groups if members]


def _sheet(title: str, mistakes: list[tuple[Labelled, Prediction]], limits: Limits) -> Sheet:
    shown = mistakes[:MOST]
    tiles = tuple(Tile(labelled, prediction, _thumbnail(labelled, limits)) for labelled, prediction in shown)
    return Sheet(title, tiles, len(mistakes) - len(shown))


def _is_pet(labelled: Labelled) -> bool:
    return labelled.expected in ("cat", "dog")


def _thumbnail(labelled: Labelled, limits: Limits) -> str | None:
    """The picture's central square, decoded as for the model."""
    try:
        pixels = decode(labelled.read(), _THUMBNAIL, limits)
    except (OSError, RejectedImage):
        return None
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=75)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
