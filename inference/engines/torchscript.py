"""The engine that torch brings along. On a CPU single pictures on several threads, elsewhere whole batches."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray

from inference import allocator


class TorchScriptEngine:
    """
    On the CPU each thread runs one picture at a time with no further threads inside: batches were slower at every size,
    and threads that never wait for each other beat threads that share a picture on a busy machine.

    The module must have been loaded with ``map_location=device``: frozen weights are constants, which ``.to`` leaves.
    """

    def __init__(self, module: torch.jit.ScriptModule, threads: int, device: str = "cpu") -> None:
        self.name = f"torchscript {device}"
        self._device = torch.device(device)
        self._module = module
        if self._device.type == "cpu":
            allocator.keep_freed_pages()
        self._pool = ThreadPoolExecutor(
            threads if self._device.type == "cpu" else 1, "inference", torch.set_num_threads, (1,)
        )

    def run(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """See Engine."""
        if not images:
            return np.empty((0, 0), np.float32)
        if self._device.type == "cpu":
            return np.concatenate(list(self._pool.map(self._forward, (image[np.newaxis] for image in images))))
        return self._pool.submit(self._forward, np.stack(images)).result()

    def close(self) -> None:
        """See Engine."""
        self._pool.shutdown()

    def _forward(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            scores: torch.Tensor = self._module(torch.from_numpy(batch).to(self._device))
            result: NDArray[np.float32] = scores.float().cpu().numpy()
        return result
