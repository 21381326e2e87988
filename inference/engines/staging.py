"""Where pictures wait for the device and scores come back to: memory that is allocated once and used again."""

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Event(Protocol):
    """A point in the device's work, as torch.cuda.Event."""

    def record(self) -> None:
        """Set it behind what the current stream has been given so far."""

    def synchronize(self) -> None:
        """Wait until the device has come to it; at once if it was never set."""


class Reached:
    """The event of a device that works at once: the CPU, in tests."""

    def record(self) -> None:
        """See Event."""

    def synchronize(self) -> None:
        """See Event."""


class Slot:
    """
    Room for one batch on its way through the device: pixels on the host and on the device, scores on the host.

    The host's memory is pinned, so that the device copies by itself while the host goes on. Hence the rule: nothing is
    written here before ``free`` has returned, and no score is read before.

    Attributes:
        pixels: on the device, uint8 (largest, side, side, 3); the first rows of it are a smaller batch.
    """

    def __init__(self, device: torch.device, largest: int, side: int, labels: int) -> None:
        pinned = device.type == "cuda"
        shape = (largest, side, side, 3)
        self._staged = torch.zeros(shape, dtype=torch.uint8, pin_memory=pinned)
        self._rows: Final[NDArray[np.uint8]] = self._staged.numpy()
        self._scores = torch.zeros((largest, labels), dtype=torch.float32, pin_memory=pinned)
        self.pixels = torch.zeros(shape, dtype=torch.uint8, device=device)
        # Blocking: whoever waits sleeps. Beside other processes of the device a copy waits for its turn, too.
        self.copied: Event = torch.cuda.Event(blocking=True) if pinned else Reached()  # type: ignore[no-untyped-call] # torch leaves it untyped
        self.done: Event = torch.cuda.Event(blocking=True) if pinned else Reached()  # type: ignore[no-untyped-call] # as above

    def free(self) -> None:
        """Wait until the device has finished with what was put here last."""
        self.copied.synchronize()
        self.done.synchronize()

    def stage(self, images: Sequence[NDArray[np.uint8]], bucket: int) -> None:
        """Write ``images`` into the host's rows, zeros into the rest of ``bucket``. The slot must be free."""
        for row, image in zip(self._rows, images, strict=False):
            row[...] = image
        self._rows[len(images) : bucket] = 0  # not what was here before: an answer depends on its own pictures only

    def send(self, bucket: int) -> None:
        """Have the current stream copy the pixels to the device."""
        self.pixels[:bucket].copy_(self._staged[:bucket], non_blocking=True)
        self.copied.record()

    def fetch(self, scores: Tensor) -> None:
        """Have the current stream copy the scores of a bucket back."""
        self._scores[: len(scores)].copy_(scores, non_blocking=True)
        self.done.record()

    def scores(self, pictures: int) -> NDArray[np.float32]:
        """Wait for the scores of the first rows; a copy, float32 (pictures, labels)."""
        self.free()
        return self._scores[:pictures].numpy().copy()
