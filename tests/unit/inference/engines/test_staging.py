import numpy as np
import torch

from inference.engines.staging import Slot

SIDE = 4


def picture(value: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((SIDE, SIDE, 3), value, np.uint8)


def test_what_a_smaller_batch_leaves_of_a_bucket_is_zero_whatever_was_there_before() -> None:
    slot = Slot(torch.device("cpu"), 4, SIDE, 2)
    slot.stage([picture(9)] * 4, 4)
    slot.send(4)
    slot.stage([picture(1), picture(2), picture(3)], 4)
    slot.send(4)
    assert slot.pixels[:, 0, 0, 0].tolist() == [1, 2, 3, 0]


def test_a_bucket_does_not_touch_the_rows_behind_it() -> None:
    slot = Slot(torch.device("cpu"), 4, SIDE, 2)
    slot.stage([picture(9)] * 4, 4)
    slot.send(4)
    slot.stage([picture(1)], 2)
    slot.send(2)
    assert slot.pixels[:, 0, 0, 0].tolist() == [1, 0, 9, 9]


def test_scores_are_a_copy_that_the_next_batch_leaves_alone() -> None:
    slot = Slot(torch.device("cpu"), 2, SIDE, 2)
    slot.fetch(torch.tensor([[0.25, 0.75], [0.5, 0.5]]))
    first = slot.scores(1)
    slot.fetch(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    assert first.tolist() == [[0.25, 0.75]]
    assert first.dtype == np.float32


class Noting:
    """An event that remembers in whose turn it was asked for what."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log = name, log

    def record(self) -> None:
        self.log.append(f"{self.name} set")

    def synchronize(self) -> None:
        self.log.append(f"{self.name} awaited")


def test_memory_is_free_once_the_device_has_copied_and_computed() -> None:
    log: list[str] = []
    slot = Slot(torch.device("cpu"), 1, SIDE, 1)
    slot.copied, slot.done = Noting("copied", log), Noting("done", log)
    slot.free()
    slot.stage([picture(1)], 1)
    slot.send(1)
    slot.fetch(torch.ones(1, 1))
    slot.scores(1)
    assert log == ["copied awaited", "done awaited", "copied set", "done set", "copied awaited", "done awaited"]
