"""The engine for CPUs: OpenVINO. It runs without torch; see openvino_conversion."""

import queue
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import openvino
from numpy.typing import NDArray

from inference.engines.lanes import LANES
from inference.manifest import Network
from inference.model import golden

DEFER_BELOW: Final = "defer_below"  # the name of a cascade's second input
_ALWAYS: Final = 2.0  # no score reaches it, so every picture is deferred
_BFLOAT16: Final = "openvino-bfloat16"
_TOLERANCES: Final[dict[Network, float]] = {
    "torchscript": golden.TOLERANCE,
    "openvino-bfloat16": golden.BFLOAT16_TOLERANCE,
    "openvino-int8": golden.INT8_TOLERANCE,
}
_CONFIG: Final[dict[str, Any]] = {
    "PERFORMANCE_HINT": "THROUGHPUT",
    # Pinned threads compete for the same cores when several workers or decoders share the machine.
    "ENABLE_CPU_PINNING": False,
}


class OpenVinoEngine:
    """
    One picture and one thread per request, and one request per thread at a time.

    Larger requests are not faster (measured at 2 to 32), and only this shape must be compiled and warmed up. Two
    batches run at a time: when one has fewer pictures left than there are threads, the other uses the rest.
    """

    lanes = LANES

    def __init__(
        self, model: Any, threads: int, *, network: Network = "torchscript", defer_below: float | None = None
    ) -> None:
        """
        Args:
            model: from ``openvino_conversion.converted`` or ``openvino_network.read``.
            threads: concurrent requests.
            network: of the manifest; names the arithmetic.
            defer_below: of the manifest, if the model is a cascade, which decides within the network for each picture.
        """
        core = openvino.Core()
        self.name = "openvino cpu" + network.removeprefix("torchscript").replace("openvino-", " ")
        self.tolerance = _TOLERANCES[network]
        self.notes: list[str] = []
        self.defers = defer_below is not None
        precision = "bf16" if network == _BFLOAT16 else "f32"
        if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            precision = "f32"
            self.notes.append("this processor has no bfloat16: computing in float32")
        config = {
            # Stated: on CPUs with bfloat16, OpenVINO uses it by default, and scores differ between hosts.
            "INFERENCE_PRECISION_HINT": precision,
            "NUM_STREAMS": threads,
            "INFERENCE_NUM_THREADS": threads,
        }
        # Not kept: if it goes after its requests, its threads and this one wait for each other.
        compiled = core.compile_model(model, "CPU", {**_CONFIG, **config})
        one, width = compiled.output(0).shape
        if one != 1:
            raise ValueError(f"the module gives {one} rows for one image")
        self._lanes: queue.SimpleQueue[_Lane] = queue.SimpleQueue()
        for _ in range(LANES):
            self._lanes.put(_Lane(compiled, threads, width, defer_below))
        self._deferring = None if defer_below is None else _Lane(compiled, 1, width, _ALWAYS)

    def run(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """See Engine."""
        lanes = self._lanes
        lane = lanes.get_nowait()  # never empty for the callers that Engine allows, unless closed
        try:
            return lane.run(images)
        finally:
            lanes.put(lane)

    def run_deferred(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """As ``run``, with every picture deferred: tests the large network of a cascade. One call at a time."""
        if self._deferring is None:
            raise ValueError("one network defers nothing")
        return self._deferring.run(images)

    def close(self) -> None:
        """See Engine."""
        self._lanes = queue.SimpleQueue()
        self._deferring = None


class _Lane:
    """The requests of one batch, one per thread. The lanes share the threads."""

    def __init__(self, compiled: Any, threads: int, width: int, defer_below: float | None) -> None:
        self._width = width
        self._finished: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._requests = [compiled.create_infer_request() for _ in range(threads)]
        for number, request in enumerate(self._requests):
            request.set_callback(self._finished.put, number)
            if defer_below is not None:
                request.set_tensor(DEFER_BELOW, openvino.Tensor(np.array([defer_below], np.float32)))

    def run(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """As Engine.run; one call at a time."""
        scores = np.empty((len(images), self._width), np.float32)
        idle, running = list(range(len(self._requests))), dict[int, int]()
        try:
            for position, image in enumerate(images):
                if not idle:
                    idle.append(self._collect(running, scores))
                number = idle.pop()
                # Set explicitly: a request called with arrays may keep one and overwrite it with the next.
                self._requests[number].set_input_tensor(0, openvino.Tensor(image[np.newaxis], shared_memory=True))
                self._requests[number].start_async()
                running[number] = position
            while running:
                self._collect(running, scores)
        finally:
            for _ in running:  # after an error, so that the next batch does not read these
                self._finished.get()
        return scores

    def _collect(self, running: dict[int, int], scores: NDArray[np.float32]) -> int:
        """Wait for any request, copy its row into ``scores``, return the request's number."""
        number = self._finished.get()
        position = running.pop(number)
        self._requests[number].wait()  # raises the request's error
        scores[position] = self._requests[number].get_output_tensor(0).data[0]
        return number
