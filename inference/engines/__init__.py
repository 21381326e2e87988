"""What runs a model file: one module for each engine, all fed with the same TorchScript module. The place for more."""

import importlib.util
import sys
from collections.abc import Sequence
from typing import Literal, Protocol, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from inference.errors import ModelUnusable
from inference.manifest import InputSpec

# `import openvino` reports itself to an analytics service over the network, unless the user has opted out in a file of
# the home folder. With its package out of reach it uses its own silent stand-in.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] # None: what the import system cannot find

EngineName = Literal["auto", "openvino", "torchscript"]


class Engine(Protocol):
    """Runs one loaded model; called by one thread at a time."""

    @property
    def name(self) -> str:
        """The engine and what it runs on, for logs: ``openvino cpu``."""

    def run(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Images, each uint8 (S, S, 3) and C-contiguous → float32 (N, labels), row i for image i."""

    def close(self) -> None:
        """Free threads and memory; idempotent."""


def build(name: EngineName, module: torch.jit.ScriptModule, spec: InputSpec, threads: int) -> Engine:
    """
    An engine for ``module``; ``auto`` takes OpenVINO where it is installed, which is the fastest on every CPU measured.

    Raises:
        ModelUnusable: if there is no such engine, or it is not installed.
        Exception: whatever the engine raises on a module that it cannot take.
    """
    if name not in get_args(EngineName):
        raise ModelUnusable(f"There is no engine {name!r}: choose one of {', '.join(get_args(EngineName))}.")
    installed = importlib.util.find_spec("openvino") is not None
    if name == "openvino" and not installed:
        raise ModelUnusable("The engine openvino is not installed: install petstream[classify], or choose torchscript.")
    if name == "openvino" or (name == "auto" and installed):
        from inference.engines.openvino import OpenVinoEngine  # noqa: PLC0415 - each engine's library only if it runs

        return OpenVinoEngine(module, spec.size, threads)
    from inference.engines.torchscript import TorchScriptEngine  # noqa: PLC0415 - as above

    return TorchScriptEngine(module, threads)
