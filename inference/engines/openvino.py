"""The engine for CPUs: OpenVINO. It needs no torch; see openvino_conversion."""

import queue
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import openvino
from numpy.typing import NDArray

from inference.engines.lanes import LANES
from inference.model import golden

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
    up, and a batch never waits for a partner. Two batches at a time: when one of them has fewer pictures left than
    there are threads, the other's keep these busy.
    """

    notes = ()
    lanes = LANES

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
        one, width = compiled.output(0).shape
        if one != 1:
            raise ValueError(f"the module gives {one} rows for one image")
        self._lanes: queue.SimpleQueue[_Lane] = queue.SimpleQueue()
        for _ in range(LANES):
            self._lanes.put(_Lane(compiled, threads, width))

    def run(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """See Engine."""
        lanes = self._lanes
        lane = lanes.get_nowait()  # one is free for each caller that Engine allows; none once it is closed
        try:
            return lane.run(images)
        finally:
            lanes.put(lane)

    def close(self) -> None:
        """See Engine."""
        self._lanes = queue.SimpleQueue()


class _Lane:
    """What one batch runs on: as many requests as there are threads. Those of all lanes share the threads in turn."""

    def __init__(self, compiled: Any, threads: int, width: int) -> None:
        self._width = width
        self._finished: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._requests = [compiled.create_infer_request() for _ in range(threads)]
        for number, request in enumerate(self._requests):
            request.set_callback(self._finished.put, number)

    def run(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """As Engine.run, by one thread at a time."""
        scores = np.empty((len(images), self._width), np.float32)
        idle, running = list(range(len(self._requests))), dict[int, int]()
        try:
            for position, image in enumerate(images):
                if not idle:
                    idle.append(self._collect(running, scores))
                number = idle.pop()
                # Set explicitly: called with arrays, a request may keep one as its own and write the next into it.
                self._requests[number].set_input_tensor(openvino.Tensor(image[np.newaxis], shared_memory=True))
                self._requests[number].start_async()
                running[number] = position
            while running:
                self._collect(running, scores)
        finally:
            for _ in running:  # after an error: the next batch must not take these for its own
                self._finished.get()
        return scores

    def _collect(self, running: dict[int, int], scores: NDArray[np.float32]) -> int:
        """Wait for any request, move its row to its place, return its number."""
        number = self._finished.get()
        position = running.pop(number)
        self._requests[number].wait()  # raises what went wrong
        scores[position] = self._requests[number].get_output_tensor(0).data[0]
        return number
