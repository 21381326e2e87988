import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.decode.slot import REASON_OF, REJECTED, Slot
from inference.errors import REASONS


@pytest.fixture
def slot() -> Iterator[Slot]:
    slot = Slot.create(16, 32 * 1024 * 1024)
    yield slot
    slot.close()


def test_a_picture_goes_over_and_pixels_come_back(slot: Slot) -> None:
    slot.put_picture(b"some bytes")
    with slot.picture() as picture:
        assert bytes(picture) == b"some bytes"
    pixels = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
    slot.put_pixels(pixels)
    assert (slot.pixels() == pixels).all()


def test_the_answer_is_a_copy(slot: Slot) -> None:
    first = slot.pixels()
    slot.put_pixels(np.ones((16, 16, 3), np.uint8))
    assert first.max() == 0


@pytest.mark.parametrize("wrong", [np.zeros((8, 8, 3), np.uint8), np.zeros((16, 16, 3), np.float32)])
def test_pixels_of_another_shape_or_type_are_refused(slot: Slot, wrong: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match="not uint8"):
        slot.put_pixels(wrong)


def test_a_detail_of_any_length_and_language_is_kept_or_cut(slot: Slot) -> None:
    slot.put_detail("größer")
    assert slot.detail() == "größer"
    slot.put_detail("é" * 5000)
    assert slot.detail().startswith("éééé")
    assert len(slot.detail()) <= 501


def test_a_large_picture_gives_its_memory_back(slot: Slot) -> None:
    size = 20 * 1024 * 1024
    slot.put_picture(b"x" * size)
    assert os.fstat(slot.fd).st_blocks * 512 >= size
    slot.tidy()
    assert os.fstat(slot.fd).st_blocks * 512 < size / 4
    slot.put_picture(b"again")
    with slot.picture() as picture:
        assert bytes(picture) == b"again"


def test_every_reason_has_its_own_byte() -> None:
    assert set(REJECTED) == set(REASONS)
    assert {REASON_OF[said] for said in REJECTED.values()} == set(REASONS)
