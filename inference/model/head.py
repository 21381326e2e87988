"""
Step 2 of building a model file: from 1000 ImageNet probabilities to cat, dog, neither, with 18 fitted numbers.

ImageNet has 118 dogs and 5 cats. Adding up the probabilities favours dogs (each class carries a little residual mass of
label smoothing): 93 % right. The logarithms of five masses, weighted by a fitted 5x3 matrix, undo that.
"""

import math
from importlib import resources
from typing import Annotated, Any, Final, Self

import msgspec
import torch
from msgspec import Meta
from torch import Tensor, nn

from inference.model.recipe import Arch

# Ranges of ImageNet-1k class numbers. Wolves, dingo and dhole (269-275) are no dogs, cougar and lynx (286-287) no cats.
CATS: Final = range(281, 286)
DOGS: Final = range(151, 269)
WILD_FELIDS: Final = range(286, 294)
WILD_CANIDS: Final = range(269, 281)
CLASSES: Final = 1000
FEATURES: Final = ("cat", "dog", "rest", "wild felids", "wild canids")
EPSILON: Final = 1e-6  # below the float32 noise of a sum over 1000 probabilities; keeps the logarithm finite

Row = Annotated[tuple[float, ...], Meta(min_length=len(FEATURES), max_length=len(FEATURES))]


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """
    The fitted numbers of one architecture and where they come from; a file ``heads/<arch>.json``, written by ``fit``.

    ``weight`` has one row of five (``FEATURES``) for each of cat, dog, neither. ``metrics`` are cross-validated.
    """

    weight: tuple[Row, Row, Row]
    bias: tuple[float, float, float]
    accept: float
    metrics: dict[str, float]
    provenance: dict[str, Any]

    def __post_init__(self) -> None:
        if not all(math.isfinite(number) for row in (*self.weight, self.bias) for number in row):
            raise ValueError("a head's numbers must be finite")

    @classmethod
    def of(cls, arch: Arch) -> Self:
        """The head that is shipped for ``arch``."""
        shipped = resources.files("inference.model") / "heads" / f"{arch}.json"
        return msgspec.json.decode(shipped.read_bytes(), type=cls)

    def to_json(self) -> bytes:
        """The document, the same bytes for the same head."""
        return msgspec.json.format(msgspec.json.encode(self, order="deterministic"), indent=2) + b"\n"


def membership() -> Tensor:
    """float32 (1000, 5), 0 or 1: which ImageNet class counts towards which feature. A class may count twice."""
    matrix = torch.zeros(CLASSES, len(FEATURES))
    for column, classes in ((0, CATS), (1, DOGS), (3, WILD_FELIDS), (4, WILD_CANIDS)):
        matrix[list(classes), column] = 1
    matrix[:, 2] = 1 - matrix[:, 0] - matrix[:, 1]
    return matrix


def log_masses(logits: Tensor, matrix: Tensor) -> Tensor:
    """
    ImageNet logits as five log-probabilities.

    Args:
        logits: float32 (N, 1000).
        matrix: as ``membership`` returns it.

    Returns:
        float32 (N, 5), in ``FEATURES``' order, each at least log(EPSILON). The rest is added up rather than
        subtracted from one, which keeps it exact where it is small.
    """
    return torch.log(logits.softmax(1) @ matrix + EPSILON)


class HeadModule(nn.Module):
    """ImageNet logits, float32 (N, 1000) → scores (N, 3): cat, dog, neither, summing to 1."""

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.register_buffer("matrix", membership())
        self.linear = nn.Linear(len(FEATURES), 3)
        with torch.no_grad():
            self.linear.weight.copy_(torch.tensor(head.weight, dtype=torch.float64))
            self.linear.bias.copy_(torch.tensor(head.bias, dtype=torch.float64))

    def forward(self, logits: Tensor) -> Tensor:
        """See the class."""
        scores: Tensor = self.linear(log_masses(logits, self.get_buffer("matrix"))).softmax(1)
        return scores
