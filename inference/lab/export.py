"""
Step 3 of building a model file: networks, manifest and golden answers as ONE TorchScript archive. Needs the extra
``model``.

The archive takes uint8 (N, S, S, 3) and gives float32 (N, 3); normalisation is inside, so no caller can get it wrong.
It also has the network in OpenVINO's format, so that a worker on a CPU converts nothing and needs no torch.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import openvino
import torch
from torch import nn

from inference.engines import openvino_network
from inference.engines.openvino import OpenVinoEngine
from inference.engines.openvino_conversion import convert
from inference.lab.int8 import quantized
from inference.lab.openvino_cascade import joined
from inference.lab.parts import Part
from inference.manifest import FORMAT, MANIFEST_FILE, Cascade, Golden, Manifest, Network, OperatingCurve
from inference.model import golden
from inference.model.archive import archive
from inference.model.file import NETWORK_FILES, replace
from inference.model.network import CascadeNet
from inference.model.policy import POLICY
from inference.model.recipe import CASCADE, LICENCE, REV, VERSION, Arithmetic
from inference.prediction import LABELS

_NETWORKS: Final[dict[Arithmetic, Network]] = {
    "float32": "torchscript",
    "bfloat16": "openvino-bfloat16",
    "int8": "openvino-int8",
}
_CANDIDATES: Final = range(64)  # all patterns that a manifest can name
_MARGIN: Final = 0.1  # of a score: patterns closer to the threshold might be deferred in one arithmetic only


def export(
    parts: Sequence[Part],
    output: Path,
    *,
    arithmetic: Arithmetic = "float32",
    cascade: Cascade = CASCADE,
    curve: OperatingCurve | None = None,
    rev: int = REV,
) -> Path:
    """
    Build a model file at ``output`` (replaced atomically) and return its path.

    The same packages and weights give the same bytes on one kind of processor: no clock, no path and no counter of the
    process ends up in the archive.

    Args:
        parts: one network, or the small and the large one of a cascade.
        output: the file; its folder must exist.
        arithmetic: of the network in OpenVINO's format. The module computes in float32 whatever it is, and decides only
            in a float32 file.
        cascade: for two parts.
        curve: the consequences of other thresholds for two parts together; a single part has its own.
        rev: of the manifest.

    Raises:
        OSError: the file cannot be written.
        ModelUnusable: int8 without the ranges of these weights.
    """
    side, name = parts[-1].input.size, "cascade" if len(parts) > 1 else parts[0].name
    ranges = [part.ranges().ranges if arithmetic == "int8" else None for part in parts]  # first: it may be missing
    networks = [part.network(side) for part in parts]
    network = CascadeNet(networks[0], networks[1], cascade).eval() if len(parts) > 1 else networks[0]
    converted = [convert(archive(each, side, {}), side) for each in networks]
    computing = [quantized(each, of) if of is not None else each for each, of in zip(converted, ranges, strict=True)]
    final = joined(computing[0], computing[1], cascade.rule) if len(parts) > 1 else computing[0]
    openvino_network.name_operations(final, f"cat-dog-{name}")
    patterns = _telling(networks[0], side, cascade.defer_below) if len(parts) > 1 else list(range(golden.PATTERNS))
    shown = patterns, list(range(golden.PATTERNS))
    if arithmetic == "float32":
        answers = _of_module(network, side, shown[0]), _of_module(_deferring(networks, cascade), side, shown[1])
    else:
        answers = _of_network(final, side, _NETWORKS[arithmetic], cascade if len(parts) > 1 else None, shown)
    manifest = Manifest(
        format=FORMAT,
        name=f"cat-dog-{name}" + ("" if arithmetic == "float32" else f"-{arithmetic}"),
        version=VERSION,
        rev=rev,
        labels=LABELS,
        classes={label: label for label in LABELS},
        input=parts[-1].input,
        thresholds=parts[-1].thresholds,
        licence=LICENCE,
        policy=POLICY,
        operating_curve=parts[0].curve if len(parts) == 1 else curve,
        provenance=_provenance(parts),
        golden=answers[0],
        network=_NETWORKS[arithmetic],
        cascade=msgspec.structs.replace(cascade, golden=answers[1]) if len(parts) > 1 else None,
    )
    files = dict(zip(NETWORK_FILES, openvino_network.written(final), strict=True))
    replace(output, archive(network, side, {MANIFEST_FILE: manifest.to_json(), **files}))
    return output


def _provenance(parts: Sequence[Part]) -> dict[str, Any]:
    """Where the networks come from; those of a cascade are named ``small`` and ``large``."""
    packages = {"torch": str(torch.__version__), "openvino": openvino.get_version()}
    if len(parts) == 1:
        return {**parts[0].provenance, **packages}
    return {"small": parts[0].provenance, "large": parts[1].provenance, **packages}


def _telling(small: nn.Module, side: int, defer_below: float) -> list[int]:
    """Patterns for a cascade's golden answers: some that it defers, some that it does not, none that is close."""
    above = min(_MARGIN, (1 - defer_below) / 2)  # no score is far above a threshold near 1
    far: dict[bool, list[int]] = {True: [], False: []}
    for pattern in _CANDIDATES:
        [golden_answer] = _of_module(small, side, [pattern])
        distance = max(golden_answer.scores) - defer_below
        if distance <= -_MARGIN or distance >= above:
            far[distance < 0].append(pattern)
        if min(len(each) for each in far.values()) >= golden.PATTERNS // 2:
            break
    deferred = far[True][: golden.PATTERNS // 2]
    return sorted([*deferred, *far[False][: golden.PATTERNS - len(deferred)]]) or [0]


def _deferring(networks: Sequence[nn.Module], cascade: Cascade) -> nn.Module:
    """The network that a cascade is if each picture is deferred."""
    if len(networks) == 1 or cascade.rule == "large":
        return networks[-1]
    return CascadeNet(networks[0], networks[1], msgspec.structs.replace(cascade, defer_below=2.0)).eval()


def _of_module(network: nn.Module, side: int, patterns: Sequence[int]) -> tuple[Golden, ...]:
    """
    The module's answers, by one thread.

    Several threads add in another order, and the file's bytes would tell how many processors its maker had.
    """
    images = np.stack([golden.draw(pattern, side) for pattern in patterns])
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            return _golden(patterns, network(torch.from_numpy(images)).double().tolist())
    finally:
        torch.set_num_threads(before)


def _of_network(
    network: openvino.Model, side: int, kind: Network, cascade: Cascade | None, shown: tuple[list[int], list[int]]
) -> tuple[tuple[Golden, ...], tuple[Golden, ...]]:
    """The OpenVINO network's answers, and those of a cascade as if each pattern were deferred."""
    engine = OpenVinoEngine(network, 1, network=kind, defer_below=cascade.defer_below if cascade else None)
    images = [[golden.draw(pattern, side) for pattern in patterns] for patterns in shown]
    own = engine.run(images[0])
    deferred = engine.run_deferred(images[1]) if cascade else own[:0]
    engine.close()
    rows = [each.astype(np.float64)[:, : len(LABELS)].tolist() for each in (own, deferred)]
    return _golden(shown[0], rows[0]), _golden(shown[1][: len(rows[1])], rows[1])


def _golden(patterns: Sequence[int], rows: Sequence[Sequence[float]]) -> tuple[Golden, ...]:
    return tuple(Golden(pattern=pattern, scores=tuple(row)) for pattern, row in zip(patterns, rows, strict=True))
