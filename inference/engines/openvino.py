"""The engine for CPUs: OpenVINO. It needs no torch; see openvino_conversion."""

import queue
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import openvino
from numpy.typing import NDArray

from inference import golden

_CONFIG: Final[dict[str, Any]] = {
    # Where a CPU has bfloat16, OpenVINO takes it unasked: scores differ in the second digit, and from host to host.
    "INFERENCE_PRECISION_HINT": "f32",
    "PERFORMANCE_HINT": "THROUGHPUT",
    # Threads bound to cores fight for them when several workers, or decoders, share the machine.
    "ENABLE_CPU_PINNING": False,
}


class OpenVinoEngine:
    """
    One picture for each request, one thread for each request, as many requests at once as there are threads.

    Larger requests are no faster (measured at 2 to 32), this shape is the only one that must be compiled and warmed
    up, and a batch never waits for a partner.
    """

    notes = ()

    def __init__(self, model: Any, threads: int, *, int8: bool = False) -> None:
        """
        Args:
            model: as ``openvino_conversion.converted`` gives it, or ``openvino_network.read``.
            threads: pictures at once.
            int8: whether it was quantized: processors then differ more.
        """
        self.name = "openvino cpu int8" if int8 else "openvino cpu"
        self.tolerance = golden.INT8_TOLERANCE if int8 else golden.TOLERANCE
        compiled = openvino.Core().compile_model(
            model, "CPU", {**_CONFIG, "NUM_STREAMS": threads, "INFERENCE_NUM_THREADS": threads}
        )
        self._finished: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._requests = [compiled.create_infer_request() for _ in range(threads)]
        for number, request in enumerate(self._requests):
            request.set_callback(self._finished.put, number)
        one, self._width = compiled.output(0).shape
        if one != 1:
            raise ValueError(f"the module gives {one} rows for one image")

    def run(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """See Engine."""
        scores = np.empty((len(images), self._width), np.float32)
        idle, running = list(range(len(self._requests))), dict[int, int]()
        for position, image in enumerate(images):
            if not idle:
                idle.append(self._collect(running, scores))
            number = idle.pop()
            # Set explicitly: a request called with arrays may keep one as its own tensor and write the next into it.
            self._requests[number].set_input_tensor(openvino.Tensor(image[np.newaxis], shared_memory=True))
            running[number] = position
            self._requests[number].start_async()
        while running:
            self._collect(running, scores)
        return scores

    def close(self) -> None:
        """See Engine."""
        self._requests = []

    def _collect(self, running: dict[int, int], scores: NDArray[np.float32]) -> int:
        """Wait for any request, move its row to its place, return its number."""
        number = self._finished.get()
        self._requests[number].wait()  # raises what went wrong
        scores[running.pop(number)] = self._requests[number].get_output_tensor(0).data[0]
        return number
