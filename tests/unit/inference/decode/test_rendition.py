"""Renditions for a page: the whole picture, upright, small, and nothing but the picture."""

import io
from collections.abc import Callable
from random import Random

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from inference.decode import Limits
from inference.decode.rendition import jpeg, rendition
from inference.errors import RejectedImage
from inference.manifest import InputSpec
from tests.inference_fixtures import quadrants

THUMBNAIL = InputSpec(size=320, resize=320)
Draw = Callable[..., bytes]


def made(data: bytes, spec: InputSpec = THUMBNAIL, limits: Limits | None = None) -> Image.Image:
    return Image.open(io.BytesIO(jpeg(rendition(data, spec, limits or Limits()))))


def heic(size: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(quadrants(size)).save(file)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIC"])
def test_every_format_becomes_a_jpeg(drawn: Draw, kind: str) -> None:
    data = heic((800, 400)) if kind == "HEIC" else drawn(kind, (800, 400))
    picture = made(data)
    assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (320, 160))
    pixels = np.asarray(picture)
    assert pixels[150, 10].argmax() == 0, "red, on the left"
    assert pixels[150, 310].argmax() == 2, "blue, on the right"


@pytest.mark.parametrize(
    ("size", "expected"),
    [((320, 240), (320, 240)), ((100, 50), (100, 50)), ((3000, 30), (320, 3)), ((20, 4000), (2, 320))],
)
def test_nothing_is_cut_off_and_nothing_made_larger(
    drawn: Draw, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert made(drawn("PNG", size)).size == expected


@pytest.mark.parametrize("side", [320, 800])
@pytest.mark.parametrize("size", [(2000, 1500), (1500, 2000), (1500, 1500), (3000, 500)])
def test_a_draft_of_a_jpeg_leaves_three_quarters_of_the_side_at_least(
    drawn: Draw, size: tuple[int, int], side: int
) -> None:
    found = made(drawn("JPEG", size), InputSpec(size=side, resize=side)).size
    assert side * 3 / 4 <= max(found) <= side
    assert found[0] / found[1] == pytest.approx(size[0] / size[1], rel=0.02)


def test_exif_turns_the_picture_and_is_left_out(drawn: Draw) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to see it upright
    exif[0x010F] = "a maker"
    picture = made(drawn("JPEG", (400, 200), exif=exif))
    assert picture.size == (160, 320)
    assert not picture.getexif()
    assert "icc_profile" not in picture.info


@pytest.mark.parametrize(("side", "most"), [(320, 16 * 1024), (1600, 400 * 1024)])
def test_even_noise_keeps_to_its_size(side: int, most: int) -> None:
    noise = Image.frombytes("RGB", (side, side), Random(1).randbytes(3 * side**2))
    file = io.BytesIO()
    noise.save(file, "BMP")
    assert len(jpeg(rendition(file.getvalue(), InputSpec(size=side, resize=side), Limits()))) <= most


def test_what_is_no_picture_and_what_is_too_large_is_rejected(drawn: Draw) -> None:
    with pytest.raises(RejectedImage, match="unsupported_format"):
        made(b"Dear diary")
    with pytest.raises(RejectedImage, match="too_many_pixels"):
        made(drawn("PNG", (100, 100)), limits=Limits(max_pixels=9_999))
    with pytest.raises(RejectedImage, match="too_many_bytes"):
        made(drawn("PNG"), limits=Limits(max_bytes=10))


@pytest.mark.parametrize("bytes_", [b"", b"\xff\xff\xff\xff", b"\x05\0\0\0<svg>", b"\x03\0\0\0\xff\xd8\xff"])
def test_what_a_process_returns_is_a_jpeg_or_refused(bytes_: bytes) -> None:
    array = np.zeros((8, 8, 3), np.uint8)
    array.reshape(-1)[: len(bytes_)] = np.frombuffer(bytes_, np.uint8)
    with pytest.raises(ValueError, match="no JPEG"):
        jpeg(array)
