"""
A model file whose network computes in int8, for processors. Needs the extra ``quantize``.

The file stays one TorchScript archive with one manifest; beside its module it carries the int8 network in OpenVINO's
format, and the manifest's golden answers are that network's. It is another model, with a name of its own: it can be
evaluated, run as a shadow, and swapped in like any other.
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

PICTURES_MIN: Final = 30  # ranges are measured on them; with a handful, one odd picture decides
PICTURES_MAX: Final = 300  # NNCF's own default (its documentation, "subset_size")
_CONVOLUTIONS: Final = frozenset({"Convolution", "GroupConvolution"})
_WEIGHED: Final = _CONVOLUTIONS | {"MatMul"}


@dataclass(frozen=True, slots=True)
class Quantized:
    """The new file, and how it agrees with its source on the pictures that it was calibrated with."""

    path: Path
    pictures: int
    same_labels: int
    largest_difference: float
    """Of a score, 0 to 1."""


def calibration_pictures(folder: Path, spec: InputSpec) -> list[NDArray[np.uint8]]:
    """
    The pictures of a folder as the model sees them, uint8 (S, S, 3): evenly chosen if they are more than are needed.

    What does not decode is left out.

    Raises:
        OSError: if the folder or a file cannot be read.
        ValueError: if there are too few.
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
    Write at ``output`` (replaced atomically) the model of ``source`` in int8.

    The first convolution and all after the last one stay in float: with them quantized, too, the default model accepts
    what is no pet, and is no faster (benchmarks/MODEL.md).

    Args:
        source: a model file.
        pictures: as ``calibration_pictures`` gives them; the ranges of int8 are measured on them.
        output: the file; its folder must exist.
        step: told what is being done.

    Raises:
        FileNotFoundError: if the extra is not installed, or the folder is missing.
        ModelUnusable: if the source cannot be used, or has nothing to gain.
    """
    nncf = _nncf()
    step("reading the model")
    content = read(source)
    checksum = hashlib.sha256(content).hexdigest()
    manifest = manifest_of(io.BytesIO(content), source)
    if manifest.network != "torchscript":
        raise ModelUnusable(f"{source} is an int8 file. Quantize the file that it was made from.")
    judge = load(source, sha256=checksum, engine="openvino")
    network = converted(content, manifest.input.size)
    kept = _kept_in_float(network)
    step(f"measuring ranges on {len(pictures)} pictures")
    with contextlib.redirect_stdout(io.StringIO()):  # it draws bars there
        quantized = nncf.quantize(
            network,
            nncf.Dataset([picture[np.newaxis] for picture in pictures]),
            preset=nncf.QuantizationPreset.MIXED,  # activations of residual blocks have both signs
            target_device=nncf.TargetDevice.CPU,
            subset_size=len(pictures),
            ignored_scope=nncf.IgnoredScope(names=kept),
        )
    _name_by_place(quantized, f"{manifest.name}-int8")
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
    pairs = list(zip(judge.predict(pictures), own.predict(pictures), strict=True))
    judge.close()
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


def _name_by_place(network: Any, name: str) -> None:
    """Names carry a counter of the process: without it, the same pictures and packages give the same bytes."""
    network.set_friendly_name(name)
    for number, operation in enumerate(network.get_ordered_ops()):
        operation.set_friendly_name(f"{operation.get_type_name()}_{number}")


def _nncf() -> Any:
    try:
        import nncf  # noqa: PLC0415 - the extra; after inference.engines, which keeps its analytics from being sent
    except ImportError as error:
        raise FileNotFoundError("NNCF is not installed: install petstream[quantize]") from error
    nncf.set_log_level(logging.ERROR)
    return nncf
