"""torch's engine for CPUs: one picture per thread."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray

from inference.engines import allocator
from inference.engines.lanes import LANES
from inference.model import golden


class TorchScriptEngine:
    """
    Each thread runs one picture at a time, without intra-op threads. Measured: batches were slower at every size, and
    on a busy machine independent threads are faster than threads that share a picture.
    """

    name = "torchscript cpu"
    tolerance = golden.TOLERANCE
    notes = ()
    lanes = LANES

    def __init__(self, module: torch.jit.ScriptModule, threads: int) -> None:
        self._module = module
        allocator.keep_freed_pages()
        self._pool = ThreadPoolExecutor(threads, "inference", torch.set_num_threads, (1,))

    def run(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """See Engine."""
        if not images:
            return np.empty((0, 0), np.float32)
        return np.concatenate(list(self._pool.map(self._forward, (image[np.newaxis] for image in images))))

    def close(self) -> None:
        """See Engine."""
        self._pool.shutdown()

    def _forward(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            scores: torch.Tensor = self._module(torch.from_numpy(batch))
            result: NDArray[np.float32] = scores.float().numpy()
        return result
