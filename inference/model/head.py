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
ANIMALS: Final = range(398)
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


class Grouped(nn.Module):
    """
    A network of ImageNet's classes and the logits of cat, dog and neither, (N, 3): what is trained as a whole.

    It begins where ``HeadModule`` ends, with the masses of groups of classes, and a sixth group: other animals. So it
    keeps what ImageNet's million pictures taught about cats, dogs and their look-alikes. A new layer on the 1,280
    features of the network knows only the pictures that it is fitted to: with half of the slices held out, the log loss
    of Lite0 was 0.31 with it and 0.19 with the groups, before any training of the network.

    ``classifier`` is the last layer, six numbers to three; training finds it by this name.
    """

    def __init__(self, network: nn.Module) -> None:
        """``network`` gives ImageNet logits, float32 (N, 1000)."""
        super().__init__()
        self.network = network
        others = torch.zeros(CLASSES, 1)
        others[[number for number in ANIMALS if number not in CATS and number not in DOGS]] = 1
        self.register_buffer("matrix", torch.cat([membership(), others], 1), persistent=False)
        self.classifier: nn.Module = nn.Linear(len(FEATURES) + 1, 3)

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        logits: Tensor = self.classifier(log_masses(self.network(images), self.get_buffer("matrix")))
        return logits


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
