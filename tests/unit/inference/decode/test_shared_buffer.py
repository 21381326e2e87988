import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.decode.shared_buffer import REASON_OF, REJECTED, SharedBuffer
from inference.errors import REASONS


@pytest.fixture
def buffer() -> Iterator[SharedBuffer]:
    buffer = SharedBuffer.create(16, 32 * 1024 * 1024)
    yield buffer
    buffer.close()


def test_a_picture_goes_over_and_pixels_come_back(buffer: SharedBuffer) -> None:
    buffer.put_picture(b"some bytes")
    with buffer.picture() as picture:
        assert bytes(picture) == b"some bytes"
    pixels = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
    buffer.put_pixels(pixels)
    assert (buffer.pixels() == pixels).all()


def test_the_answer_is_a_copy(buffer: SharedBuffer) -> None:
    first = buffer.pixels()
    buffer.put_pixels(np.ones((16, 16, 3), np.uint8))
    assert first.max() == 0


@pytest.mark.parametrize("wrong", [np.zeros((8, 8, 3), np.uint8), np.zeros((16, 16, 3), np.float32)])
def test_pixels_of_another_shape_or_type_are_refused(buffer: SharedBuffer, wrong: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match="not uint8"):
        buffer.put_pixels(wrong)


def test_a_detail_of_any_length_and_language_is_kept_or_cut(buffer: SharedBuffer) -> None:
    buffer.put_detail("größer")
    assert buffer.detail() == "größer"
    buffer.put_detail("é" * 5000)
    assert buffer.detail().startswith("éééé")
    assert len(buffer.detail()) <= 501


def test_a_large_picture_gives_its_memory_back(buffer: SharedBuffer) -> None:
    size = 20 * 1024 * 1024
    buffer.put_picture(b"x" * size)
    assert os.fstat(buffer.fd).st_blocks * 512 >= size
    buffer.free_pages()
    assert os.fstat(buffer.fd).st_blocks * 512 < size / 4
    buffer.put_picture(b"again")
    with buffer.picture() as picture:
        assert bytes(picture) == b"again"


def test_every_reason_has_its_own_byte() -> None:
    assert set(REJECTED) == set(REASONS)
    assert {REASON_OF[said] for said in REJECTED.values()} == set(REASONS)
