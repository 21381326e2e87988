"""PNG: a colour that stands for transparent at every depth, and gAMA as browsers apply it."""

import struct
import zlib
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.decode import Limits, decode
from inference.manifest import InputSpec

SIDE = 16
SPEC = InputSpec(size=SIDE, resize=SIDE)
GREY, RGB = 0, 2


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def halves(left: Sequence[int], right: Sequence[int], depth: int, *chunks: bytes) -> bytes:
    """A picture whose left half has one colour and whose right half another; PNG, sections 7.2 and 11."""
    samples = [*left] * (SIDE // 2) + [*right] * (SIDE // 2)
    bits = "".join(f"{sample:0{depth}b}" for sample in samples)
    row = b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    colour = GREY if len(left) == 1 else RGB
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, depth, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(row * SIDE)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + body


def shown(data: bytes) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    pixels = decode(data, SPEC, Limits())
    return pixels[SIDE // 2, 1], pixels[SIDE // 2, -2]


@pytest.mark.parametrize(
    ("depth", "key", "other", "seen"),
    [
        (1, [0], [1], 255),
        (1, [1], [0], 0),
        (2, [1], [2], 170),
        (4, [5], [9], 153),
        (8, [50], [90], 90),
        (16, [12850], [12851], 50),
        (8, [50, 90, 200], [50, 90, 201], [50, 90, 201]),
        (16, [12850, 23130, 30000], [12850, 23130, 30001], [50, 90, 117]),
    ],
)
def test_the_transparent_colour_is_white_and_its_neighbour_is_not(
    depth: int, key: list[int], other: list[int], seen: int | list[int]
) -> None:
    transparent, opaque = shown(halves(key, other, depth, chunk(b"tRNS", struct.pack(f">{len(key)}H", *key))))
    assert np.array_equal(transparent, [255] * 3)
    assert np.array_equal(opaque, np.broadcast_to(seen, 3))


def gamma(value: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


SRGB = chunk(b"sRGB", b"\0")


@pytest.mark.parametrize(
    ("chunks", "seen"),
    [
        ([gamma(1.0)], [219, 160, 96]),
        ([gamma(0.5)], [187, 99, 31]),
        ([gamma(0.45455)], [180, 90, 30]),
        ([gamma(1.0), SRGB], [180, 90, 30]),
        ([gamma(0.0)], [180, 90, 30]),
        ([gamma(17_952.0)], [180, 90, 30]),
    ],
    ids=["linear", "0.5", "as sRGB", "sRGB stands above it", "none", "nonsense"],
)
def test_gama_is_applied_as_chromium_does(chunks: list[bytes], seen: list[int]) -> None:
    """The figures are those that Chromium 156 showed."""
    for pixel in shown(halves([180, 90, 30], [180, 90, 30], 8, *chunks)):
        assert np.abs(pixel.astype(int) - seen).max() <= 1


def test_gama_is_applied_to_greys_too() -> None:
    left, right = shown(halves([180], [30], 8, gamma(1.0)))
    assert (left[0], right[0]) == (219, 96)
