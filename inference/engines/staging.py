"""Reusable host and device memory for a batch's pictures and scores."""

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Event(Protocol):
    """A point in a stream, as torch.cuda.Event."""

    def record(self) -> None:
        """Record the event after the current stream's work so far."""

    def synchronize(self) -> None:
        """Wait until the device has reached it; returns at once if it was never recorded."""


class Reached:
    """The event of a synchronous device: the CPU, in tests."""

    def record(self) -> None:
        """See Event."""

    def synchronize(self) -> None:
        """See Event."""


class Slot:
    """
    The memory of one batch: pixels on the host and on the device, scores on the host.

    The host's memory is pinned, so that copies are asynchronous. So write nothing here, and read no scores, before
    ``free`` has returned.

    Attributes:
        pixels: on the device, uint8 (largest, side, side, 3). A smaller batch uses the first rows.
    """

    def __init__(self, device: torch.device, largest: int, side: int, labels: int) -> None:
        pinned = device.type == "cuda"
        shape = (largest, side, side, 3)
        self._staged = torch.zeros(shape, dtype=torch.uint8, pin_memory=pinned)
        self._rows: Final[NDArray[np.uint8]] = self._staged.numpy()
        self._scores = torch.zeros((largest, labels), dtype=torch.float32, pin_memory=pinned)
        self.pixels = torch.zeros(shape, dtype=torch.uint8, device=device)
        # Blocking: the waiting thread sleeps instead of spinning. Copies may queue behind other processes.
        self.copied: Event = torch.cuda.Event(blocking=True) if pinned else Reached()  # type: ignore[no-untyped-call] # torch leaves it untyped
        self.done: Event = torch.cuda.Event(blocking=True) if pinned else Reached()  # type: ignore[no-untyped-call] # as above

    def free(self) -> None:
        """Wait until the device has finished the last batch of this slot."""
        self.copied.synchronize()
        self.done.synchronize()

    def stage(self, images: Sequence[NDArray[np.uint8]], bucket: int) -> None:
        """Write ``images`` into the host's rows, and pad with zeros up to ``bucket``. The slot must be free."""
        for row, image in zip(self._rows, images, strict=False):
            row[...] = image
        self._rows[len(images) : bucket] = 0  # not old pictures, so that scores depend on this batch only

    def send(self, bucket: int) -> None:
        """Enqueue the copy of the pixels to the device on the current stream."""
        self.pixels[:bucket].copy_(self._staged[:bucket], non_blocking=True)
        self.copied.record()

    def fetch(self, scores: Tensor) -> None:
        """Enqueue the copy of the scores to the host on the current stream."""
        self._scores[: len(scores)].copy_(scores, non_blocking=True)
        self.done.record()

    def scores(self, pictures: int) -> NDArray[np.float32]:
        """Wait for the scores of the first rows. A copy, float32 (pictures, labels)."""
        self.free()
        return self._scores[:pictures].numpy().copy()
