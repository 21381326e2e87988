import contextlib
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image, ImageCms, JpegImagePlugin

from inference import decode as decode_module
from inference.decode import Limits, decode
from inference.errors import RejectedImage
from inference.manifest import InputSpec

RED, BLUE, GREEN = (220, 20, 20), (20, 20, 220), (20, 220, 20)
SPEC = InputSpec(size=64, resize=68)
Draw = Callable[..., bytes]


def decoded(data: bytes, limits: Limits | None = None) -> NDArray[np.uint8]:
    return decode(data, SPEC, limits or Limits())


def reason(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(RejectedImage) as rejected:
        decoded(data, limits)
    assert rejected.value.detail
    return rejected.value.reason


def assert_upright(pixels: NDArray[np.uint8], tolerance: int = 40) -> None:
    """Red left, blue right, green along the top."""
    assert pixels.shape == (64, 64, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    for (y, x), colour in {(50, 10): RED, (50, 54): BLUE, (3, 10): GREEN, (3, 54): GREEN}.items():
        assert np.abs(pixels[y, x].astype(int) - colour).max() <= tolerance, (y, x, pixels[y, x])


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def grey_level(data: bytes) -> float:
    return float(decoded(data).mean())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_every_format_comes_out_upright_and_in_colour(drawn: Draw, kind: str) -> None:
    assert_upright(decoded(drawn(kind)))


def test_heic_comes_out_upright_and_in_colour(drawn: Draw) -> None:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.open(io.BytesIO(drawn("PNG")))).save(buffer)
    assert_upright(decoded(buffer.getvalue()))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "LA", "I;16", "CMYK", "YCbCr"])
def test_every_mode_gives_three_channels(drawn: Draw, mode: str) -> None:
    kind = "TIFF" if mode in {"CMYK", "YCbCr"} else "PNG"
    assert decoded(drawn(kind, mode=mode)).shape == (64, 64, 3)


def test_a_palette_keeps_its_colours(drawn: Draw) -> None:
    assert_upright(decoded(drawn("PNG", mode="P")))


def test_a_cmyk_jpeg_keeps_its_colours(drawn: Draw) -> None:
    assert_upright(decoded(drawn("JPEG", mode="CMYK")))


def test_a_cmyk_jpeg_with_a_broken_profile_is_taken_without_it(drawn: Draw) -> None:
    assert_upright(decoded(drawn("JPEG", mode="CMYK", icc_profile=b"no profile" * 20)))


def test_lab_colours_go_through_their_profile() -> None:
    lab = ImageCms.profileToProfile(
        Image.new("RGB", (80, 80), RED),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )
    assert lab is not None
    assert np.abs(decoded(encoded(lab, "TIFF")).reshape(-1, 3).mean(0) - RED).max() < 12


@pytest.mark.parametrize("level", [0, 64, 200, 255])
def test_sixteen_bits_keep_their_brightness(level: int) -> None:
    deep = Image.fromarray(np.full((90, 80), level * 257, np.uint16))
    assert grey_level(encoded(deep, "PNG")) == pytest.approx(level, abs=1)
    assert grey_level(encoded(deep, "TIFF")) == pytest.approx(level, abs=1)


def test_floats_from_nought_to_one_keep_their_brightness() -> None:
    assert grey_level(encoded(Image.fromarray(np.full((80, 80), 0.5, np.float32)), "TIFF")) == pytest.approx(127, abs=1)


def test_floats_that_are_not_numbers_are_survived() -> None:
    pixels = np.full((80, 80), np.nan, np.float32)
    pixels[:40] = 1000.0
    assert decoded(encoded(Image.fromarray(pixels), "TIFF")).max() == 255


def test_thirty_two_bit_integers_are_scaled_to_what_they_use() -> None:
    assert grey_level(encoded(Image.fromarray(np.full((80, 80), 2**30, np.int32)), "TIFF")) == pytest.approx(255, abs=1)
    assert grey_level(encoded(Image.fromarray(np.full((80, 80), 100, np.int32)), "TIFF")) == pytest.approx(100, abs=1)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparency_is_laid_over_white(kind: str) -> None:
    ghost = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    assert decoded(encoded(ghost, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))).min() == 255


def test_a_transparent_colour_of_a_png_is_laid_over_white() -> None:
    assert decoded(encoded(Image.new("RGB", (100, 100), RED), "PNG", transparency=RED)).min() == 255


def test_the_first_frame_of_an_animation_is_taken(drawn: Draw) -> None:
    first = Image.open(io.BytesIO(drawn("PNG")))
    rest = [Image.new("RGB", first.size, "white")]
    assert_upright(decoded(encoded(first, "GIF", save_all=True, append_images=rest)))
    assert_upright(decoded(encoded(first, "WEBP", save_all=True, append_images=rest)))
    assert_upright(decoded(encoded(first, "TIFF", save_all=True, append_images=rest)))


TURNED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_undone(drawn: Draw, orientation: int, kind: str) -> None:
    image = Image.open(io.BytesIO(drawn("PNG")))
    turn = TURNED[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert_upright(decoded(encoded(image if turn is None else image.transpose(turn), kind, exif=exif)))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow says so, rightly; the processes that decode do not
@pytest.mark.parametrize(
    "exif", [b"Exif\0\0broken", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\0\x09\x01"]
)
def test_a_corrupt_exif_block_does_not_reject_a_good_picture(drawn: Draw, exif: bytes) -> None:
    assert_upright(decoded(drawn(exif=exif)))


def test_an_orientation_that_does_not_exist_counts_as_upright(drawn: Draw) -> None:
    exif = Image.Exif()
    exif[0x0112] = 77
    assert_upright(decoded(drawn(exif=exif)))


def test_the_middle_of_a_wide_picture_is_taken() -> None:
    pixels = np.zeros((100, 400, 3), np.uint8)
    pixels[:, 150:250] = 255
    assert decoded(encoded(Image.fromarray(pixels), "PNG")).min() == 255


@pytest.mark.parametrize("size", [(2400, 1800), (480, 360)])
def test_a_large_jpeg_is_decoded_small_but_never_too_small(
    drawn: Draw, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    """Too small: below size / 0.875 = 74, where labels were seen to change."""
    large = drawn(size=size, quality=95)
    drafted: list[tuple[int, int]] = []
    draft = JpegImagePlugin.JpegImageFile.draft

    def spy(image: JpegImagePlugin.JpegImageFile, mode: str | None, size: tuple[int, int]) -> object:
        answer = draft(image, mode, size)
        drafted.append(image.size)
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(JpegImagePlugin.JpegImageFile, "draft", spy)
        small = decoded(large)
        patched.setattr(JpegImagePlugin.JpegImageFile, "draft", lambda *_: None)
        full = decoded(large)
    [reduced] = drafted
    assert 74 <= min(reduced) < min(size) / 3
    assert np.abs(small.astype(int) - full).mean() < 3


def test_too_many_bytes_are_refused_before_anything_is_read(drawn: Draw) -> None:
    assert reason(drawn(), Limits(max_bytes=100)) == "too_many_bytes"


def test_a_picture_of_just_the_limits_is_taken(drawn: Draw) -> None:
    data = drawn(size=(100, 100))
    assert_upright(decoded(data, Limits(max_bytes=len(data), max_pixels=10_000)))
    assert reason(data, Limits(max_pixels=9_999)) == "too_many_pixels"


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_bomb(width: int, height: int) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100_000)) + chunk(b"IEND", b"")


def test_a_bomb_is_refused_before_its_pixels_are_allocated(monkeypatch: pytest.MonkeyPatch) -> None:
    def allocate(*_: object) -> None:
        raise AssertionError("pixels were allocated")

    monkeypatch.setattr("PIL.Image.core.new", allocate)
    monkeypatch.setattr("PIL.Image.core.fill", allocate)
    assert reason(png_bomb(60_000, 60_000)) == "too_many_pixels"
    assert reason(png_bomb(2**31 - 1, 2**31 - 1)) == "too_many_pixels"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_a_truncated_file_is_undecodable(drawn: Draw, kind: str) -> None:
    data = drawn(kind)
    assert reason(data[: len(data) // 2]) == "undecodable"


def test_a_truncated_heic_is_undecodable(drawn: Draw) -> None:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.open(io.BytesIO(drawn("PNG")))).save(buffer)
    assert reason(buffer.getvalue()[: buffer.tell() // 2]) == "undecodable"


@pytest.mark.parametrize("data", [b"hello, I am a text", b"%PDF-1.7", b"<svg/>", b"\0", b"BM", b"PK\x03\x04"])
def test_what_is_no_picture_is_an_unsupported_format(data: bytes) -> None:
    assert reason(data) == "unsupported_format"


def test_an_empty_object_is_undecodable() -> None:
    assert reason(b"") == "undecodable"


def test_a_memoryview_is_as_good_as_bytes(drawn: Draw) -> None:
    assert_upright(decode(memoryview(drawn()), SPEC, Limits()))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), "decoder_crashed"),
        (SyntaxError("no"), "undecodable"),
        (struct.error("no"), "undecodable"),
        (IndexError(), "undecodable"),
        (RecursionError(), "undecodable"),
        (Image.DecompressionBombError("big"), "too_many_pixels"),
        (Image.DecompressionBombWarning("big"), "too_many_pixels"),
    ],
)
def test_whatever_a_decoder_raises_is_a_rejection(
    drawn: Draw, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load", fail)
    assert reason(drawn()) == expected


def test_pillows_global_limit_stays_the_applications_own() -> None:
    assert Image.MAX_IMAGE_PIXELS == 1024 * 1024 * 1024 // 4 // 3
    assert "Image.MAX_IMAGE_PIXELS" not in Path(decode_module.__file__).read_text(encoding="utf-8")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    pixels=hnp.arrays(np.uint8, st.tuples(st.integers(1, 90), st.integers(1, 90), st.just(3))),
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"]),
)
def test_any_legal_picture_gives_the_stated_shape(pixels: NDArray[np.uint8], kind: str) -> None:
    answer = decoded(encoded(Image.fromarray(pixels), kind))
    assert answer.shape == (64, 64, 3)
    assert answer.dtype == np.uint8


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (2, 65_000)])
def test_extreme_shapes_are_pictures_too(size: tuple[int, int]) -> None:
    assert decoded(encoded(Image.new("RGB", size, RED), "PNG")).shape == (64, 64, 3)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.filterwarnings("ignore")  # decoders grumble about damaged files, rightly
def test_a_damaged_file_is_a_picture_or_a_rejection_and_nothing_else(drawn: Draw, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"]))
    damaged = bytearray(drawn(kind, size=(48, 40)))
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(RejectedImage):
        assert decoded(bytes(damaged), Limits(max_pixels=1_000_000)).shape == (64, 64, 3)


def test_an_avif_is_decoded_without_threads_of_its_own(drawn: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    """One process to each core is the pool's plan, and what a thread allocates counts against the picture."""
    counts: list[int] = []
    monkeypatch.setattr("PIL._avif.AvifDecoder", lambda *arguments: counts.append(arguments[2]))
    with pytest.raises(RejectedImage):
        decoded(drawn("AVIF"))
    assert set(counts) == {1}
