"""
Builds a model file with an int8 network for CPUs. Needs the extra ``quantize``.

The file is a TorchScript archive with one manifest. It also has the int8 network in OpenVINO's format, and the
manifest's golden answers are those of that network. It is a model with its own name, which can be evaluated, shadowed
and rolled out like any other.
"""

import contextlib
import hashlib
import io
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from inference.classifier import load
from inference.decode import Limits, decode
from inference.engines import openvino_network
from inference.engines.openvino import OpenVinoEngine
from inference.engines.openvino_conversion import converted
from inference.errors import ModelUnusable, RejectedImage
from inference.manifest import MANIFEST_FILE, Golden, InputSpec
from inference.model import golden
from inference.model.file import NETWORK_FILES, manifest_of, read, replace, with_files

PICTURES_MIN: Final = 30  # enough that one unusual picture does not decide the ranges
PICTURES_MAX: Final = 300  # NNCF's own default (its documentation, "subset_size")
_CONVOLUTIONS: Final = frozenset({"Convolution", "GroupConvolution"})
_WEIGHED: Final = _CONVOLUTIONS | {"MatMul"}


@dataclass(frozen=True, slots=True)
class Quantized:
    """The new file, and its agreement with the source on the calibration pictures."""

    path: Path
    pictures: int
    same_labels: int
    largest_difference: float
    """Of a score, 0 to 1."""


def calibration_pictures(folder: Path, spec: InputSpec) -> list[NDArray[np.uint8]]:
    """
    The pictures of a folder as the model's input, uint8 (S, S, 3); evenly sampled if there are more than needed.

    Files that do not decode are left out.

    Raises:
        OSError: the folder or a file cannot be read.
        ValueError: there are too few.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file())
    found = []
    for path in files[:: max(1, len(files) // PICTURES_MAX)]:
        try:
            found.append(decode(path.read_bytes(), spec, Limits()))
        except RejectedImage:
            continue
    if len(found) < PICTURES_MIN:
        raise ValueError(
            f"{folder} has {len(found)} pictures that decode; at least {PICTURES_MIN} are needed, of the kind that "
            "will be classified. They need no labels."
        )
    return found[:PICTURES_MAX]


def quantize(
    source: Path,
    pictures: Sequence[NDArray[np.uint8]],
    output: Path,
    *,
    step: Callable[[str], None] = lambda _doing: None,
) -> Quantized:
    """
    Write the model of ``source`` in int8 to ``output`` (replaced atomically).

    The first convolution, and everything after the last one, stay in float. If these are quantized too, the default
    model accepts more non-pets and is not faster (benchmarks/MODEL.md).

    Args:
        source: a model file.
        pictures: from ``calibration_pictures``; used to measure the int8 ranges.
        output: the file; its folder must exist.
        step: called with a description of each step.

    Raises:
        FileNotFoundError: the extra is not installed, or the folder is missing.
        ModelUnusable: the source cannot be used, or has no convolutions to quantize.
    """
    nncf = _nncf()
    step("reading the model")
    content = read(source)
    checksum = hashlib.sha256(content).hexdigest()
    manifest = manifest_of(io.BytesIO(content), source)
    if manifest.network != "torchscript":
        raise ModelUnusable(f"{source} is an int8 file. Quantize the file that it was made from.")
    reference = load(source, sha256=checksum, engine="openvino")
    network = converted(content, manifest.input.size)
    kept = _kept_in_float(network)
    step(f"measuring ranges on {len(pictures)} pictures")
    with contextlib.redirect_stdout(io.StringIO()):  # NNCF's progress bars
        quantized = nncf.quantize(
            network,
            nncf.Dataset([picture[np.newaxis] for picture in pictures]),
            preset=nncf.QuantizationPreset.MIXED,  # activations of residual blocks have both signs
            target_device=nncf.TargetDevice.CPU,
            subset_size=len(pictures),
            ignored_scope=nncf.IgnoredScope(names=kept),
        )
    _rename_operations(quantized, f"{manifest.name}-int8")
    engine = OpenVinoEngine(quantized, 1, int8=True)
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
                "nncf": version("nncf"),
                "openvino": version("openvino"),
            },
        },
    )
    files = dict(zip(NETWORK_FILES, openvino_network.written(quantized), strict=True))
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


def _kept_in_float(network: Any) -> list[str]:
    weighed = [operation for operation in network.get_ordered_ops() if operation.get_type_name() in _WEIGHED]
    convolutions = [at for at, operation in enumerate(weighed) if operation.get_type_name() in _CONVOLUTIONS]
    if len(convolutions) <= 1:
        raise ModelUnusable("The network has no convolutions to quantize: int8 would bring nothing. Keep the file.")
    kept = [weighed[convolutions[0]], *weighed[convolutions[-1] + 1 :]]
    return [operation.get_friendly_name() for operation in kept]


def _rename_operations(network: Any, name: str) -> None:
    """Replace names that have a process-wide counter, so that the same inputs give the same bytes."""
    network.set_friendly_name(name)
    for number, operation in enumerate(network.get_ordered_ops()):
        operation.set_friendly_name(f"{operation.get_type_name()}_{number}")


def _nncf() -> Any:
    try:
        import nncf  # noqa: PLC0415 - an extra; after inference.engines, which disables its telemetry
    except ImportError as error:
        raise FileNotFoundError("NNCF is not installed: install petstream[quantize]") from error
    nncf.set_log_level(logging.ERROR)
    return nncf
