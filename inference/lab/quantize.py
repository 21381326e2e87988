"""
Builds a model file with an int8 network for CPUs, from any model file with one network.

The file is a TorchScript archive with one manifest. It also has the int8 network in OpenVINO's format, and the
manifest's golden answers are those of that network. It is a model with its own name, which can be evaluated, shadowed
and rolled out like any other.
"""

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from inference.classifier import load
from inference.engines import openvino_network
from inference.engines.openvino import OpenVinoEngine
from inference.engines.openvino_conversion import converted
from inference.errors import ModelUnusable
from inference.lab.int8 import measured, quantized
from inference.manifest import MANIFEST_FILE, Golden
from inference.model import golden
from inference.model.file import NETWORK_FILES, manifest_of, network_of, read, replace, with_files


@dataclass(frozen=True, slots=True)
class Quantized:
    """The new file, and its agreement with the source on the calibration pictures."""

    path: Path
    pictures: int
    same_labels: int
    largest_difference: float
    """Of a score, 0 to 1."""


def quantize(
    source: Path,
    pictures: Sequence[NDArray[np.uint8]],
    output: Path,
    *,
    step: Callable[[str], None] = lambda _doing: None,
) -> Quantized:
    """
    Write the model of ``source`` in int8 to ``output`` (replaced atomically).

    See ``int8`` for what is quantized.

    Args:
        source: a model file.
        pictures: from ``calibration_pictures``; used to measure the int8 ranges.
        output: the file; its folder must exist.
        step: called with a description of each step.

    Raises:
        FileNotFoundError: the folder is missing.
        ModelUnusable: the source cannot be used, or has no convolutions to quantize.
    """
    step("reading the model")
    content = read(source)
    checksum = hashlib.sha256(content).hexdigest()
    manifest = manifest_of(io.BytesIO(content), source)
    if manifest.network != "torchscript":
        raise ModelUnusable(f"{source} is not in float32. Quantize the file that it was made from.")
    if manifest.cascade is not None:
        raise ModelUnusable(f"{source} is a cascade. Build it in int8 with `petstream model export --arithmetic int8`.")
    reference = load(source, sha256=checksum, engine="openvino")
    found = network_of(content)
    network = openvino_network.read(*found) if found else converted(content, manifest.input.size)
    step(f"measuring ranges on {len(pictures)} pictures")
    computing = quantized(network, measured(network, pictures))
    openvino_network.name_operations(computing, f"{manifest.name}-int8")
    engine = OpenVinoEngine(computing, 1, network="openvino-int8")
    answers = engine.run(golden.drawn(manifest.input.size)).astype(np.float64).tolist()
    engine.close()
    changed = msgspec.structs.replace(
        manifest,
        name=f"{manifest.name}-int8",
        network="openvino-int8",
        golden=tuple(Golden(pattern=number, scores=tuple(row)) for number, row in enumerate(answers)),
        provenance={
            **manifest.provenance,
            "int8": {
                "of": checksum,
                "pictures": len(pictures),
                "openvino": version("openvino"),
            },
        },
    )
    files = dict(zip(NETWORK_FILES, openvino_network.written(computing), strict=True))
    replace(output, with_files(content, {MANIFEST_FILE: changed.to_json(), **files}))
    step("comparing")
    own = load(output)
    pairs = list(zip(reference.predict(pictures), own.predict(pictures), strict=True))
    reference.close()
    own.close()
    return Quantized(
        output,
        len(pictures),
        sum(one.label == other.label for one, other in pairs),
        max(one.scores.difference(other.scores) for one, other in pairs),
    )
