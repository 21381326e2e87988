"""The engine for CPUs: OpenVINO. It runs without torch; see openvino_conversion."""

import queue
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import openvino
from numpy.typing import NDArray

from inference.engines.lanes import LANES
from inference.model import golden

_CONFIG: Final[dict[str, Any]] = {
    # On CPUs with bfloat16, OpenVINO uses it by default: scores then differ in the second digit between hosts.
    "INFERENCE_PRECISION_HINT": "f32",
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

    notes = ()
    lanes = LANES

    def __init__(self, model: Any, threads: int, *, int8: bool = False) -> None:
        """
        Args:
            model: from ``openvino_conversion.converted`` or ``openvino_network.read``.
            threads: concurrent requests.
            int8: whether it is quantized; CPUs then differ more.
        """
        self.name = "openvino cpu int8" if int8 else "openvino cpu"
        self.tolerance = golden.INT8_TOLERANCE if int8 else golden.TOLERANCE
        compiled = openvino.Core().compile_model(
            model, "CPU", {**_CONFIG, "NUM_STREAMS": threads, "INFERENCE_NUM_THREADS": threads}
        )
        one, width = compiled.output(0).shape
        if one != 1:
            raise ValueError(f"the module gives {one} rows for one image")
        self._lanes: queue.SimpleQueue[_Lane] = queue.SimpleQueue()
        for _ in range(LANES):
            self._lanes.put(_Lane(compiled, threads, width))

    def run(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """See Engine."""
        lanes = self._lanes
        lane = lanes.get_nowait()  # never empty for the callers that Engine allows, unless closed
        try:
            return lane.run(images)
        finally:
            lanes.put(lane)

    def close(self) -> None:
        """See Engine."""
        self._lanes = queue.SimpleQueue()


class _Lane:
    """The requests of one batch, one per thread. The lanes share the threads."""

    def __init__(self, compiled: Any, threads: int, width: int) -> None:
        self._width = width
        self._finished: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._requests = [compiled.create_infer_request() for _ in range(threads)]
        for number, request in enumerate(self._requests):
            request.set_callback(self._finished.put, number)

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
                self._requests[number].set_input_tensor(openvino.Tensor(image[np.newaxis], shared_memory=True))
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
