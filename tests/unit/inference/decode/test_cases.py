"""Pictures that once failed and are kept beside the project, not in it: other tests draw their like."""

from pathlib import Path

import numpy as np
import pytest

from inference.decode import Limits, decode
from inference.manifest import InputSpec

CASES = Path(__file__).parents[5] / "shared" / "cases" / "pictures"
SPEC = InputSpec(size=64, resize=64)
COLOURS = [(220, 30, 30), (30, 200, 30), (30, 30, 220), (128, 128, 128)]
GREYS = [(87,) * 3, (130,) * 3, (52,) * 3, (128,) * 3]


@pytest.mark.parametrize(
    ("name", "corners"),
    [
        ("no_eoi.jpg", COLOURS),
        ("apng_bad_seq.png", COLOURS),
        ("png_text_crc_bad.png", COLOURS),
        ("gray16_trns.png", [(255,) * 3, *GREYS[1:]]),
        ("tiff_rgb16_planar.tif", COLOURS),
        ("tiff_gray16_white0.tif", GREYS),
        ("tiff_cmyka.tif", COLOURS),
        ("gama_linear.png", [(221, 22, 22), (22, 201, 22), (22, 22, 221), (129,) * 3]),
        ("xmp_orientation6_only.jpg", COLOURS),
    ],
)
def test_a_picture_that_once_failed_shows_its_colours(name: str, corners: list[tuple[int, ...]]) -> None:
    """Red, green, blue and grey in the corners, as Chromium shows those that it takes."""
    if not (CASES / name).is_file():
        pytest.skip(f"the pictures are not at {CASES}")
    pixels = decode((CASES / name).read_bytes(), SPEC, Limits())[[8, 8, 56, 56], [8, 56, 8, 56]]
    assert np.abs(pixels.astype(int) - corners).max() <= 2
