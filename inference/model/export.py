"""
Step 3 of building a model file: backbone and head as ONE TorchScript archive. Needs the extra ``model``.

The archive takes uint8 (N, S, S, 3) and gives float32 (N, 3); normalisation is inside, so no caller can get it wrong.
"""

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from inference.manifest import FORMAT, MANIFEST_FILE, Golden, Manifest, Thresholds
from inference.model import golden
from inference.model.architecture import backbone, normalised, weights_path
from inference.model.archive import archive
from inference.model.file import replace
from inference.model.head import Head, HeadModule
from inference.model.policy import POLICY
from inference.model.recipe import LICENCE, REV, SOURCES, VERSION, Arch
from inference.prediction import LABELS


class CatDogNet(nn.Module):
    """uint8 (N, S, S, 3) → float32 (N, 3): cat, dog, neither, summing to 1."""

    def __init__(self, arch: Arch, head: Head) -> None:
        super().__init__()
        self.backbone = backbone(arch)
        self.head = HeadModule(head)

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        scores: Tensor = self.head(self.backbone(normalised(images)))
        return scores


def export(arch: Arch, output: Path, *, head: Head | None = None) -> Path:
    """
    Build the model file of ``arch`` at ``output`` (replaced atomically) and return its path.

    The same packages give the same bytes: no clock, no path and no counter of the process ends up in the archive.

    Args:
        arch: one of ``SOURCES``.
        output: the file; its folder must exist.
        head: other fitted numbers than those shipped for ``arch``.

    Raises:
        FileNotFoundError: if the weights' package or the folder is missing.
    """
    head = head or Head.of(arch)
    size = SOURCES[arch].input.size
    network = CatDogNet(arch, head).eval()
    patterns = np.stack(golden.drawn(size))
    expected = _answers(network, patterns)
    manifest = Manifest(
        format=FORMAT,
        name=f"cat-dog-{arch}",
        version=VERSION,
        rev=REV,
        labels=LABELS,
        classes={label: label for label in LABELS},
        input=SOURCES[arch].input,
        thresholds=Thresholds(accept=head.accept),
        licence=LICENCE,
        policy=POLICY,
        provenance={
            "backbone": {
                "package": SOURCES[arch].package,
                "weights_sha256": hashlib.sha256(weights_path(arch).read_bytes()).hexdigest(),
            },
            "head": {"metrics": head.metrics, **head.provenance},
            "torch": str(torch.__version__),
        },
        golden=tuple(Golden(pattern=number, scores=tuple(row)) for number, row in enumerate(expected)),
    )
    replace(output, archive(network, size, {MANIFEST_FILE: manifest.to_json()}))
    return output


def _answers(network: nn.Module, patterns: np.ndarray) -> list[list[float]]:
    """
    The network's scores on ``patterns``, uint8 (N, size, size, 3): floats (N, 3), by one thread.

    Several threads add in another order, and the file's bytes would tell how many processors its maker had.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            answers: list[list[float]] = network(torch.from_numpy(patterns)).double().tolist()
            return answers
    finally:
        torch.set_num_threads(before)
