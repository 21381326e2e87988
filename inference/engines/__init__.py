"""
The engines that run a model file, one module each. All take the same TorchScript file.

An engine's libraries are imported when it is built: torch alone takes 500 MB, and OpenVINO runs without it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from inference.engines import driver
from inference.engines.cuda_options import Options
from inference.engines.libraries import is_installed, require_torch
from inference.errors import MissingExtra, ModelUnusable
from inference.manifest import Manifest, Network
from inference.model.file import network_of

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
        """
        Scores of images, each uint8 (S, S, 3) and C-contiguous: float32 (N, labels), row i for image i.

        A cascade's engine may add a column: 1 where the picture was deferred to the large network, else 0.
        """

    def close(self) -> None:
        """Free threads and memory; idempotent."""


@runtime_checkable
class Cascading(Protocol):
    """An engine that can run a cascade as two networks; ``defers``: whether it does so with this file."""

    @property
    def defers(self) -> bool:
        """See the class."""

    def run_deferred(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """As ``Engine.run``, with every picture deferred."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine that can run here, the device of its module, and why it was chosen."""

    name: EngineName
    device: Literal["cpu", "cuda"]
    why: str


def choose(name: EngineName) -> Choice:
    """
    Choose an engine. ``auto`` takes a GPU if torch sees one, else OpenVINO if installed (the fastest on all CPUs
    measured). Without torch it looks for no GPU.

    Raises:
        ModelUnusable: the engine is unknown, not installed, or has no device.
    """
    if name not in get_args(EngineName):
        raise ModelUnusable(f"There is no engine {name!r}: choose one of {', '.join(get_args(EngineName))}.")
    if name in ("cuda", "torchscript"):
        require_torch(f"The engine {name}")
    has_torch = is_installed("torch")
    if name == "cuda" or (name == "auto" and has_torch and driver.is_loadable()):
        from inference.engines import cuda  # noqa: PLC0415 - torch is loaded to be asked

        missing = cuda.missing()
        if missing is None:
            return Choice("cuda", "cuda", f"torch sees {cuda.device_name()}")
        if name == "cuda":
            raise ModelUnusable(f"The engine cuda cannot run here. {missing}")
    has_openvino = is_installed("openvino")
    if not has_openvino and (name == "openvino" or not has_torch):
        raise MissingExtra("A classifier needs openvino", "classify")
    if name != "auto":
        return Choice(name, "cpu", "as asked")
    if not has_torch:
        return Choice("openvino", "cpu", "torch is not installed, so no GPU was looked for")
    fastest = "openvino is installed, and faster than torchscript" if has_openvino else "openvino is not installed"
    return Choice("openvino" if has_openvino else "torchscript", "cpu", f"no CUDA device; {fastest}")


def fitting(choice: Choice, name: EngineName, network: Network) -> Choice:
    """
    Adapt a choice to a file's network: only OpenVINO runs those in its format, which are int8 or bfloat16.

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
            f"The engine {name} cannot run the file's network ({network}), which is OpenVINO's. Set ENGINE=auto, or "
            "export the model in float32."
        )
    if not is_installed("openvino"):
        raise MissingExtra(f"The file's network ({network}) needs openvino", "classify")
    return Choice("openvino", "cpu", f"the file holds a network ({network}) that only openvino runs")


def installed(network: Network = "torchscript") -> tuple[EngineName, ...]:
    """The engines that can run a network here, torchscript first; openvino where there is none."""
    if network != "torchscript" or not is_installed("torch"):
        return ("openvino",)
    found: list[EngineName] = ["torchscript"]
    if is_installed("openvino"):
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

        found = network_of(content)
        if found is None:
            from inference.engines.openvino_conversion import converted  # noqa: PLC0415 - ours need no conversion

            return OpenVinoEngine(converted(content, manifest.input.size), threads)
        network = openvino_network.read(*found)  # has a copy of the weights
        del found
        return OpenVinoEngine(
            network,
            threads,
            network=manifest.network,
            defer_below=manifest.cascade.defer_below if manifest.cascade else None,
        )
    if choice.name == "cuda":
        from inference.engines import cuda  # noqa: PLC0415 - as above

        return cuda.build(
            content, choice.device, manifest.input.size, max_batch_size=max_batch_size, options=cuda_options
        )
    from inference.engines import module  # noqa: PLC0415 - as above
    from inference.engines.torchscript import TorchScriptEngine  # noqa: PLC0415 - as above

    return TorchScriptEngine(module.load(content, choice.device), threads)
