"""
The engines that run a model file, one module each. All take the same TorchScript file.

An engine's libraries are imported when it is built: torch alone takes 500 MB, and OpenVINO runs without it.
"""

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from inference.engines import driver
from inference.engines.cuda_options import Options
from inference.errors import ModelUnusable
from inference.manifest import Manifest, Network
from inference.model.file import network_of

# `import openvino` sends telemetry, unless the user has opted out in a file of the home folder. If its telemetry
# package cannot be imported, it uses a stub.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] # None: what the import system cannot find

EngineName = Literal["auto", "cuda", "openvino", "torchscript"]


class Engine(Protocol):
    """Runs one loaded model. At most ``lanes`` threads call ``run`` at a time."""

    @property
    def name(self) -> str:
        """The engine and what it runs on, for logs: ``openvino cpu``."""

    @property
    def tolerance(self) -> float:
        """The allowed deviation of its golden answers, in a log-score; depends on its precision."""

    @property
    def notes(self) -> Sequence[str]:
        """Options that could not be used, and why; for logs."""

    @property
    def lanes(self) -> int:
        """How many calls of ``run`` may overlap, where overlapping batches are faster."""

    def run(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Scores of images, each uint8 (S, S, 3) and C-contiguous: float32 (N, labels), row i for image i."""

    def close(self) -> None:
        """Free threads and memory; idempotent."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine that can run here, the device of its module, and why it was chosen."""

    name: EngineName
    device: Literal["cpu", "cuda"]
    why: str


def choose(name: EngineName) -> Choice:
    """
    Choose an engine. ``auto`` takes a GPU if torch sees one, else OpenVINO if installed (the fastest on all CPUs
    measured).

    Raises:
        ModelUnusable: the engine is unknown, not installed, or has no device.
    """
    if name not in get_args(EngineName):
        raise ModelUnusable(f"There is no engine {name!r}: choose one of {', '.join(get_args(EngineName))}.")
    if name == "cuda" or (name == "auto" and driver.is_loadable()):
        from inference.engines import cuda  # noqa: PLC0415 - torch is loaded to be asked

        missing = cuda.missing()
        if missing is None:
            return Choice("cuda", "cuda", f"torch sees {cuda.device_name()}")
        if name == "cuda":
            raise ModelUnusable(f"The engine cuda cannot run here. {missing}")
    installed = importlib.util.find_spec("openvino") is not None
    if name == "openvino" and not installed:
        raise ModelUnusable("The engine openvino is not installed: install petstream[classify], or choose torchscript.")
    if name == "auto":
        fastest = "openvino is installed, and faster than torchscript" if installed else "openvino is not installed"
        return Choice("openvino" if installed else "torchscript", "cpu", f"no CUDA device; {fastest}")
    return Choice(name, "cpu", "as asked")


def fitting(choice: Choice, name: EngineName, network: Network) -> Choice:
    """
    Adapt a choice to a file's network: only OpenVINO runs an int8 network.

    Args:
        choice: the result of ``choose(name)``.
        name: the requested engine.
        network: of the file's manifest.

    Raises:
        ModelUnusable: another engine was requested, or OpenVINO is not installed.
    """
    if network == "torchscript" or choice.name == "openvino":
        return choice
    if name != "auto":
        raise ModelUnusable(
            f"The engine {name} cannot run an int8 network, which is OpenVINO's. Set ENGINE=auto, or take the file "
            "that it was made from."
        )
    if importlib.util.find_spec("openvino") is None:
        raise ModelUnusable("The file's int8 network needs OpenVINO: install petstream[classify].")
    return Choice("openvino", "cpu", "the file holds an int8 network, which only openvino runs")


def installed(network: Network = "torchscript") -> tuple[EngineName, ...]:
    """The engines that can run a network here, torchscript first."""
    if network == "openvino-int8":
        return ("openvino",)
    found: list[EngineName] = ["torchscript"]
    if importlib.util.find_spec("openvino"):
        found.append("openvino")
    if driver.is_loadable():
        from inference.engines import cuda  # noqa: PLC0415 - torch is loaded to be asked

        if cuda.missing() is None:
            found.append("cuda")
    return tuple(found)


def build(
    choice: Choice, content: bytes, manifest: Manifest, *, threads: int, max_batch_size: int, cuda_options: Options
) -> Engine:
    """
    An engine for a model file.

    Args:
        choice: from ``choose``.
        content: the file's bytes.
        manifest: the file's manifest.
        threads: CPUs that an engine on the CPU uses.
        max_batch_size: most pictures in one call; the CUDA engine prepares for it.
        cuda_options: see ``cuda_options.Options``.

    Raises:
        NotTorchScript: torch cannot read the file.
        MemoryError: the device has too little memory.
        Exception: any other error of the engine on a module that it cannot run.
    """
    if choice.name == "openvino":
        from inference.engines import openvino_network  # noqa: PLC0415 - as below
        from inference.engines.openvino import OpenVinoEngine  # noqa: PLC0415 - a library that is loaded if it runs
        from inference.engines.openvino_conversion import converted  # noqa: PLC0415 - as above

        if manifest.network == "openvino-int8":
            return OpenVinoEngine(openvino_network.read(*network_of(content)), threads, int8=True)
        return OpenVinoEngine(converted(content, manifest.input.size), threads)
    if choice.name == "cuda":
        from inference.engines import cuda  # noqa: PLC0415 - as above

        return cuda.build(
            content, choice.device, manifest.input.size, max_batch_size=max_batch_size, options=cuda_options
        )
    from inference.engines import module  # noqa: PLC0415 - as above
    from inference.engines.torchscript import TorchScriptEngine  # noqa: PLC0415 - as above

    return TorchScriptEngine(module.load(content, choice.device), threads)
