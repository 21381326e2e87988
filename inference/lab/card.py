"""The card beside trained weights: where they come from and how good they are. Names no picture."""

import os
import platform
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from importlib import metadata
from typing import Any, Final

import torch

from inference.lab import operating_curve
from inference.lab.examples import Example, digest
from inference.lab.figures import by_slice, figures, predictions
from inference.lab.training import Hardware
from inference.lab.validation import Validated
from inference.manifest import OperatingCurve
from inference.model.policy import EVEN
from inference.prediction import LABELS

FORMAT: Final = "petstream.weights/1"
_PACKAGES: Final = ("numpy", "pillow", "timm", "torch", "torchvision")
_DIGITS: Final = 5


def pictures(examples: Sequence[Example], note: str) -> dict[str, Any]:
    """The fitted pictures: a digest of files and labels, and counts by slice and label."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for each in examples:
        counts[each.slice][each.label] += 1
    return {
        "note": note,
        "sha256": digest(examples),
        "labels": {label: sum(each.label == label for each in examples) for label in LABELS},
        "slices": {name: {label: of[label] for label in LABELS if of[label]} for name, of in sorted(counts.items())},
    }


def cross_validation(validated: Validated) -> dict[str, Any]:
    """How the pictures were held out, what was chosen by it, and the figures at that."""
    answers = predictions(validated.logits, EVEN)
    labels = [each.label for each in validated.examples]
    return {
        "held_out_by": validated.grouping,
        "folds": validated.folds,
        "log_loss_by_epoch": [round(each, _DIGITS) for each in validated.log_losses],
        "temperature": round(validated.temperature, _DIGITS),
        "figures": figures(labels, answers),
        "slices": by_slice([each.slice for each in validated.examples], labels, answers),
    }


def curve(validated: Validated) -> OperatingCurve:
    """What other thresholds would have done to the held-out pictures."""
    labels = [each.label for each in validated.examples]
    judged = list(zip(labels, predictions(validated.logits, EVEN), strict=True))
    return operating_curve.stated(
        operating_curve.curve(judged), f"pictures that the network had not seen, held out by {validated.grouping}"
    )


def reported(examples: Sequence[Example], logits: torch.Tensor) -> dict[str, Any]:
    """The figures by slice of pictures that were not fitted."""
    labels = [each.label for each in examples]
    return by_slice([each.slice for each in examples], labels, predictions(logits, EVEN))


def packages() -> dict[str, str]:
    """The versions that take part in a training."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in _PACKAGES}}


def machine(hardware: Hardware) -> dict[str, Any]:
    """The processor's instructions as torch uses them, threads, and the device's name."""
    is_cuda = hardware.device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(hardware.device) if is_cuda else "cpu",
        "instructions": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }


def identity(examples: Iterable[Example]) -> list[str]:
    """All that a training takes from its tables, by picture, in their order."""
    return [f"{each.sha256} {each.label} {each.slice} {each.origin}" for each in examples]
