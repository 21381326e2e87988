"""
Every format under every condition in which pictures arrive, against the pixels that were put in.

The picture is as large as what the model takes, so that nothing is resampled: what is stored without loss must come
out unchanged, and what is not may differ by ``LOSS`` on the average.
"""

import io
import struct
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image

from inference.decode import Limits, decode
from inference.manifest import InputSpec

SIDE = 64
SPEC = InputSpec(size=SIDE, resize=SIDE)
LOSS = {"JPEG": 2.0, "WEBP": 3.0, "AVIF": 3.0, "HEIF": 3.0}
BEST: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 97, "subsampling": 0},
    "WEBP": {"quality": 97},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
    "HEIF": {"quality": 95, "chroma": 444},
}
ALL = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF"]
WITH_EXIF = ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"]
Pixels = NDArray[np.uint8]


def gradient(height: int = SIDE, width: int = SIDE) -> Pixels:
    """No two corners alike, so that no turn goes unseen; smooth, so that no codec has an excuse."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 4 % 256, y * 4 % 256, 255 - (x + y) * 2 % 256], -1).astype(np.uint8)


def grey() -> Pixels:
    return np.asarray(Image.fromarray(gradient()).convert("L"))


def stored(image: Image.Image | Pixels, kind: str, **options: Any) -> bytes:
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    buffer = io.BytesIO()
    options = BEST.get(kind, {}) | options
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(buffer, **options)
    else:
        image.save(buffer, kind, **options)
    return buffer.getvalue()


def assert_comes_out(data: bytes, expected: Pixels, loss: float = 0.0) -> None:
    pixels = decode(data, SPEC, Limits())
    assert pixels.shape == (SIDE, SIDE, 3)
    assert pixels.dtype == np.uint8
    if expected.ndim == 2:
        expected = np.repeat(expected[:, :, np.newaxis], 3, 2)
    difference = np.abs(pixels.astype(int) - expected)
    assert difference.mean() <= loss, difference.mean()


def half_transparent() -> tuple[Image.Image, Pixels]:
    """A picture whose left half is not to be seen, and what is to be seen of it on a white page."""
    image = Image.fromarray(gradient()).convert("RGBA")
    alpha = np.full((SIDE, SIDE), 255, np.uint8)
    alpha[:, : SIDE // 2] = 0
    image.putalpha(Image.fromarray(alpha))
    seen = gradient()
    seen[:, : SIDE // 2] = 255
    return image, seen


# Colours


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "HEIF", "AVIF"])
def test_a_plain_picture_comes_out_as_it_went_in(kind: str) -> None:
    assert_comes_out(stored(gradient(), kind), gradient(), LOSS.get(kind, 0))


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF"])
def test_a_palette_picture_comes_out_as_it_went_in(kind: str) -> None:
    image = Image.fromarray(gradient()).quantize(64)
    assert_comes_out(stored(image, kind), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("kind", ALL)
def test_a_grey_picture_comes_out_as_it_went_in(kind: str) -> None:
    assert_comes_out(stored(grey(), kind), grey(), LOSS.get(kind, 0))


@pytest.mark.parametrize(
    ("kind", "options"), [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("TIFF", {"compression": "group4"}), ("GIF", {})]
)
def test_a_bilevel_picture_comes_out_as_it_went_in(kind: str, options: dict[str, Any]) -> None:
    image = Image.fromarray(grey()).convert("1")
    assert_comes_out(stored(image, kind, **options), np.asarray(image.convert("L")))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_an_alpha_channel_is_laid_over_white(kind: str) -> None:
    image, seen = half_transparent()
    options = {"lossless": True} if kind == "WEBP" else {}
    assert_comes_out(stored(image, kind, **options), seen, LOSS.get(kind, 0) if not options else 0)


def test_the_fourth_byte_of_a_bmp_is_transparency_only_if_its_header_says_so() -> None:
    image, seen = half_transparent()
    assert_comes_out(stored(image, "BMP"), gradient())
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 108, SIDE, -SIDE, 1, 32, 3, SIDE * SIDE * 4, 0, 0, 0, 0) + masks + bytes(52)
    pixels = np.asarray(image)[:, :, [2, 1, 0, 3]].tobytes()
    assert_comes_out(b"BM" + struct.pack("<IHHI", 122 + len(pixels), 0, 0, 122) + header + pixels, seen)


@pytest.mark.parametrize("alpha", [0, 51, 128, 255])
def test_half_transparency_lets_half_of_the_white_through(alpha: int) -> None:
    image = Image.new("RGBA", (SIDE, SIDE), (200, 100, 0, alpha))
    expected = [round(255 + (level - 255) * alpha / 255) for level in (200, 100, 0)]
    assert np.abs(decode(stored(image, "PNG"), SPEC, Limits()).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_with_alpha_is_laid_over_white(kind: str) -> None:
    image = Image.fromarray(grey()).convert("LA")
    image.putalpha(half_transparent()[0].getchannel("A"))
    seen = grey().copy()
    seen[:, : SIDE // 2] = 255
    assert_comes_out(stored(image, kind), seen)


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_palette_colour_is_laid_over_white(kind: str) -> None:
    image = Image.new("P", (SIDE, SIDE), 1)
    image.putpalette([0, 0, 0, 10, 200, 10, 0, 0, 250])
    image.paste(2, (0, 0, 20, SIDE))
    seen = np.full((SIDE, SIDE, 3), (10, 200, 10), np.uint8)
    seen[:, :20] = 255
    assert_comes_out(stored(image, kind, transparency=2), seen)


def test_a_transparent_grey_of_a_png_is_laid_over_white() -> None:
    seen = grey().copy()
    seen[seen == seen[0, 0]] = 255
    assert_comes_out(stored(grey(), "PNG", transparency=int(grey()[0, 0])), seen)


def test_a_palette_with_degrees_of_transparency_is_laid_over_white() -> None:
    image = Image.new("P", (SIDE, SIDE), 0)
    image.putpalette([200, 100, 0])
    expected = np.full((SIDE, SIDE, 3), (228, 178, 128), np.uint8)
    assert (
        np.abs(decode(stored(image, "PNG", transparency=bytes([127])), SPEC, Limits()).astype(int) - expected).max()
        <= 1
    )


# Depths


def deep(pixels: Pixels) -> NDArray[np.uint16]:
    return pixels.astype(np.uint16) * 257


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_of_grey_lose_only_their_lower_half(kind: str) -> None:
    assert_comes_out(stored(Image.fromarray(deep(grey())), kind), grey())


@pytest.mark.parametrize("interlaced", [False, True])
def test_sixteen_bits_for_each_colour_of_a_png_lose_only_their_lower_half(interlaced: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    assert_comes_out(png(deep(gradient()).astype(">u2"), depth=16, colour=2, interlaced=interlaced), gradient())


def test_sixteen_bits_with_alpha_of_a_png_are_laid_over_white() -> None:
    image, seen = half_transparent()
    assert_comes_out(png(deep(np.asarray(image)).astype(">u2"), depth=16, colour=6), seen)


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bits_for_each_colour_of_a_tiff_lose_only_their_lower_half(order: str) -> None:
    assert_comes_out(tiff(deep(gradient()).astype(f"{order}u2"), order), gradient())


def test_ten_bits_of_a_heic_lose_only_their_lower_two() -> None:
    buffer = io.BytesIO()
    pillow_heif.encode("RGB;16", (SIDE, SIDE), deep(gradient()).tobytes(), buffer, **BEST["HEIF"])
    assert_comes_out(buffer.getvalue(), gradient(), LOSS["HEIF"])


# Inks


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_inks_come_out_as_the_colours_they_print(kind: str) -> None:
    inks = Image.fromarray(gradient()).convert("CMYK")
    assert_comes_out(stored(inks, kind), gradient(), LOSS.get(kind, 0))


def test_inks_are_read_inverted_as_adobe_writes_them_with_a_marker_and_without() -> None:
    data = stored(Image.fromarray(gradient()).convert("CMYK"), "JPEG")
    marker = data.index(b"\xff\xee\x00\x0eAdobe")
    assert_comes_out(data, gradient(), LOSS["JPEG"])
    assert_comes_out(data[:marker] + data[marker + 16 :], gradient(), LOSS["JPEG"])


def test_inks_stored_as_luminance_and_chrominance_come_out_as_the_colours_they_print() -> None:
    """YCCK, what Photoshop writes: a CMYK file whose first three channels are made so that undoing YCC gives inks."""
    channels = Image.fromarray(255 - gradient()).convert("YCbCr").split()
    inverted = [Image.fromarray(255 - np.asarray(channel)) for channel in channels]
    data = bytearray(stored(Image.merge("CMYK", [*inverted, Image.new("L", (SIDE, SIDE), 0)]), "JPEG"))
    data[data.index(b"Adobe") + 11] = 2
    assert_comes_out(bytes(data), gradient(), LOSS["JPEG"])


# Arrangements


@pytest.mark.parametrize("depth", [1, 8])
def test_an_interlaced_png_comes_out_as_it_went_in(depth: int) -> None:
    if depth == 1:
        image = Image.fromarray(grey()).convert("1")
        assert_comes_out(
            png(np.asarray(image)[:, :, np.newaxis], depth=1, colour=0, interlaced=True),
            np.asarray(image.convert("L")),
        )
    else:
        assert_comes_out(png(gradient(), depth=8, colour=2, interlaced=True), gradient())


def test_an_interlaced_gif_comes_out_as_it_went_in() -> None:
    image = Image.fromarray(gradient()).quantize(64)
    plain, interlaced = stored(image, "GIF", interlace=0), stored(image, "GIF", interlace=1)
    assert plain != interlaced
    assert_comes_out(interlaced, np.asarray(image.convert("RGB")))


def test_a_progressive_jpeg_comes_out_as_it_went_in() -> None:
    assert_comes_out(stored(gradient(), "JPEG", progressive=True), gradient(), LOSS["JPEG"])


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma", "jpeg"])
def test_a_tiff_comes_out_however_it_is_compressed(compression: str) -> None:
    options = {"quality": 97} if compression == "jpeg" else {}
    assert_comes_out(stored(gradient(), "TIFF", compression=compression, **options), gradient(), 3.0 if options else 0)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF", "TIFF"])
def test_the_first_of_several_frames_is_taken(kind: str) -> None:
    rest = [Image.new("RGB", (SIDE, SIDE), colour) for colour in ("white", "red")]
    first = Image.fromarray(gradient()).quantize(64).convert("RGB")
    options = {"lossless": True} if kind == "WEBP" else {}
    data = stored(first, kind, save_all=True, append_images=rest, **options)
    assert_comes_out(data, np.asarray(first), 0 if options else LOSS.get(kind, 0))


def test_the_primary_picture_of_a_heic_is_taken() -> None:
    several = pillow_heif.from_pillow(Image.new("RGB", (SIDE, SIDE), "white"))
    several.add_from_pillow(Image.fromarray(gradient()))
    buffer = io.BytesIO()
    several.save(buffer, primary_index=1, **BEST["HEIF"])
    assert_comes_out(buffer.getvalue(), gradient(), LOSS["HEIF"])


# Metadata


def exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


TURNED = {
    1: lambda upright: upright,
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: lambda upright: np.transpose(upright, (1, 0, 2)),
    6: lambda upright: np.rot90(upright, 1),  # kept lying on its left side: to be turned clockwise
    7: lambda upright: np.transpose(np.rot90(upright, 2), (1, 0, 2)),
    8: lambda upright: np.rot90(upright, 3),
}


@pytest.mark.parametrize("kind", WITH_EXIF)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_undone(orientation: int, kind: str) -> None:
    lying = np.ascontiguousarray(TURNED[orientation](gradient()))
    assert_comes_out(stored(lying, kind, exif=exif(orientation)), gradient(), LOSS.get(kind, 0))


@pytest.mark.filterwarnings("ignore")  # Pillow says that it is corrupt, rightly; the processes that decode do not
@pytest.mark.parametrize("kind", WITH_EXIF)
@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"Exif\0\0",
        b"Exif\0\0no block at all",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x09\x01",
        exif(6)[:-9],
    ],
)
def test_a_corrupt_exif_block_rejects_no_picture(kind: str, block: bytes) -> None:
    if kind == "TIFF":
        data = tiff(gradient(), "<", more=[(0x8769, 4, 1, 0x7FFFFFF0)])  # its EXIF is a directory of its own: nowhere
    elif kind == "JPEG":
        plain = stored(gradient(), kind)
        data = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + plain[2:]
    elif kind == "PNG":
        plain = stored(gradient(), kind)
        data = plain[:33] + chunk(b"eXIf", block.removeprefix(b"Exif\0\0")) + plain[33:]
    else:
        camera = Image.Exif()
        camera[0x010F] = "a camera of some make"
        sound = camera.tobytes()
        marked = stored(gradient(), kind, exif=sound)
        broken = block.removeprefix(b"Exif\0\0").ljust(200, b"\xff")[: len(sound) - 6]
        data = marked.replace(sound[6:], broken)
        assert data != marked
    assert_comes_out(data, gradient(), LOSS.get(kind, 0))


@pytest.mark.parametrize(("kind", "header"), [(b"zTXt", b"k\0\0"), (b"iTXt", b"k\0\1\0\0\0"), (b"iCCP", b"k\0\0")])
def test_a_png_may_carry_megabytes_of_compressed_words_and_bombs_are_passed_over(kind: bytes, header: bytes) -> None:
    def carrying(size: int) -> bytes:
        plain = stored(gradient(), "PNG")
        return plain[:33] + chunk(kind, header + zlib.compress(b"a" * size)) + plain[33:]

    assert_comes_out(carrying(8 * 1024 * 1024), gradient())
    bomb = carrying(64 * 1024 * 1024)
    tracemalloc.start()
    assert_comes_out(bomb, gradient())  # without the words, which are not unpacked beyond their limit
    assert tracemalloc.get_traced_memory()[1] < 48 * 1024 * 1024
    tracemalloc.stop()


# Shapes


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("size", [(1, 1), (1, 700), (700, 1), (3, 2)])
def test_the_smallest_and_thinnest_pictures_are_pictures(kind: str, size: tuple[int, int]) -> None:
    pixels = decode(stored(Image.new("RGB", size, (200, 60, 60)), kind), SPEC, Limits())
    assert np.abs(pixels.reshape(-1, 3).mean(0) - (200, 60, 60)).max() < 12


# Writers of what Pillow only reads


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(pixels: NDArray[Any], *, depth: int, colour: int, interlaced: bool = False) -> bytes:
    """``pixels`` (H, W, channels), big-endian; PNG specification, sections 7.2 and 8.2 (Adam7)."""
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    lines: list[bytes] = []
    for top, left, down, right in passes if interlaced else [(0, 0, 1, 1)]:
        lines.extend(
            b"\0" + (np.packbits(line[:, 0]) if depth == 1 else line).tobytes()
            for line in pixels[top::down, left::right]
        )
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], depth, colour, 0, 0, interlaced)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"".join(lines))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def tiff(pixels: NDArray[Any], order: str, more: list[tuple[int, int, int, int]] | None = None) -> bytes:
    """RGB ``pixels`` in one strip; TIFF 6.0, section 6. ``more``: entries (tag, type, count, value or offset)."""
    height, width, channels = pixels.shape
    bits = struct.pack(f"{order}3H", *[pixels.dtype.itemsize * 8] * 3)
    entries = sorted(
        [
            (256, 4, 1, width),
            (257, 4, 1, height),
            (258, 3, 3, 8),
            (259, 4, 1, 1),
            (262, 4, 1, 2),
            (273, 4, 1, 16),
            (277, 4, 1, channels),
            (278, 4, 1, height),
            (279, 4, 1, pixels.nbytes),
            *(more or []),
        ]
    )
    directory = struct.pack(f"{order}H", len(entries))
    directory += b"".join(struct.pack(f"{order}HHII", *entry) for entry in entries) + bytes(4)
    header = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 16 + pixels.nbytes)
    return header + bits + bytes(2) + pixels.tobytes() + directory
