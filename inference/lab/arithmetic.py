"""Chooses the arithmetic of an exported file by what runs it: one table of rules, each with its reason."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import openvino

from inference.engines import driver
from inference.model.recipe import Arithmetic

_AVX2: Final = "X86_V3"  # numpy's name of the level that has it


@dataclass(frozen=True, slots=True)
class Processor:
    """
    What the choice depends on.

    ``name`` is the processor's; ``features`` are numpy's and OpenVINO's names of instruction sets (``X86_V3``: AVX2,
    ``AVX512_ICL``: with VNNI, ``BF16``); ``has_gpu``: whether NVIDIA's driver can be loaded.
    """

    name: str
    features: frozenset[str]
    has_gpu: bool


@dataclass(frozen=True, slots=True)
class _Rule:
    applies: Callable[[Processor], bool]
    arithmetic: Arithmetic
    why: str


# Measured: decision 0023. The first rule that applies is taken.
_RULES: Final = (
    _Rule(
        lambda here: here.has_gpu,
        "float32",
        "there is a GPU, which runs the module and not OpenVINO's network",
    ),
    _Rule(
        lambda here: "BF16" in here.features and here.name.startswith("AMD"),
        "bfloat16",
        "AMD's processors with AVX512_BF16 compute bfloat16 as fast as int8, and it is closer to float32",
    ),
    _Rule(
        lambda here: _AVX2 in here.features,
        "int8",
        "with AVX2 or VNNI it takes at most three quarters of float32's time",
    ),
    _Rule(lambda _: True, "float32", "without AVX2, int8 was not measured to be faster"),
)


def this_processor() -> Processor:
    """The processor of this machine."""
    core = openvino.Core()
    found = np.show_config(mode="dicts")["SIMD Extensions"]
    name = str(core.get_property("CPU", "FULL_DEVICE_NAME"))
    features = frozenset([*found["baseline"], *found["found"], *core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")])
    return Processor(name or platform.machine(), features, driver.is_loadable())


def suited(processor: Processor, *, int8_ranges: bool) -> tuple[Arithmetic, str]:
    """
    The arithmetic for a processor, and why, in words.

    Args:
        processor: where the file will be run.
        int8_ranges: whether the weights' int8 ranges are known.
    """
    rule = next(each for each in _RULES if each.applies(processor))
    if rule.arithmetic == "int8" and not int8_ranges:
        return "float32", "int8 is faster, but needs the ranges of these weights: see `petstream model ranges`"
    return rule.arithmetic, f"{rule.why} ({processor.name})"
