"""Decoding without the crop: the same picture, all of it, never larger than it was."""

from collections.abc import Callable

import numpy as np
import pytest

from inference.decode import Limits, decode_whole
from inference.errors import RejectedImage


def whole(data: bytes, side: int) -> np.ndarray:
    return decode_whole(data, side, Limits())


@pytest.mark.parametrize(
    ("size", "side", "shape"),
    [
        ((320, 240), 60, (60, 80, 3)),
        ((240, 320), 60, (80, 60, 3)),
        ((320, 240), 1000, (240, 320, 3)),
        ((2000, 100), 50, (50, 150, 3)),
        ((100, 2000), 50, (150, 50, 3)),
        ((5, 1), 50, (1, 3, 3)),
    ],
)
def test_the_short_side_is_reduced_and_only_the_ends_of_long_pictures_are_cut(
    drawn: Callable[..., bytes], size: tuple[int, int], side: int, shape: tuple[int, int, int]
) -> None:
    pixels = whole(drawn("PNG", size), side)
    assert pixels.shape == shape
    assert pixels.dtype == np.uint8
    assert pixels.flags["C_CONTIGUOUS"]
    if min(shape[:2]) > 10:
        assert pixels[-1, 0].argmax() == 0, "red, on the left"
        assert pixels[-1, -1].argmax() == 2, "blue, on the right"


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGB"])
def test_any_mode_becomes_rgb_and_exif_turns_the_picture(drawn: Callable[..., bytes], mode: str) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[274] = 6  # turn clockwise to see it upright
    pixels = whole(drawn("JPEG", (320, 240), mode, exif=exif), 120)
    assert pixels.shape == (160, 120, 3)
    if mode != "L":
        assert pixels[80, -5].argmax() == 1, "what was the top is on the right"


def test_what_is_no_picture_is_rejected_with_its_reason() -> None:
    with pytest.raises(RejectedImage, match="unsupported_format"):
        whole(b"no picture", 60)
