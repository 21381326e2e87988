"""TIFF: every way in which samples are laid out gives the right colours, or is refused."""

import struct
import zlib
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.decode import Limits, decode
from inference.errors import RejectedImage
from inference.manifest import InputSpec

SIDE = 48
SPEC = InputSpec(size=SIDE, resize=SIDE)
RAW, DEFLATE = 1, 8
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK = 0, 1, 2, 3, 5
ASSOCIATED, UNASSOCIATED = 1, 2
FORMATS = {"u": 1, "i": 2, "f": 3}
Samples = NDArray[Any]

_Y, _X = np.mgrid[0:SIDE, 0:SIDE]
COLOURS = np.stack([_X * 5, _Y * 5, 255 - (_X + _Y) * 2], -1).astype(np.uint8)
GREYS = COLOURS[..., :1]
INKS = np.concatenate([255 - COLOURS, np.zeros_like(GREYS)], -1)
ALPHA = np.where(_X < SIDE // 2, 0, 255).astype(np.uint8)[..., np.newaxis]


def on_white(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.where(ALPHA == 0, 255, colours).astype(np.uint8)


def tiff(
    samples: Samples,
    photometric: int,
    *,
    order: Literal["<", ">"] = "<",
    compression: int = RAW,
    is_separate: bool = False,
    tile: int = 0,
    differences: bool = False,
    bits: int = 0,
    **more: tuple[int, ...],
) -> bytes:
    """``samples`` (H, W, n) as a file; TIFF 6.0, sections 2, 8, 14, 15. ``more``: tags as ``t338``, of LONGs."""
    height, width, count = samples.shape
    planes = [samples[..., n : n + 1] for n in range(count)] if is_separate else [samples]
    step = tile or SIDE // 2
    pieces = []
    for plane in planes:
        for top in range(0, height, step):
            for left in range(0, width, tile or width):
                piece = plane[top : top + step, left : left + (tile or width)]
                if differences:
                    piece = np.diff(piece, axis=1, prepend=np.zeros_like(piece[:, :1]))
                data = piece.astype(piece.dtype.newbyteorder(order)).tobytes()
                pieces.append(zlib.compress(data) if compression == DEFLATE else data)
    places = [8 + sum(map(len, pieces[:n])) for n in range(len(pieces))]
    tags: dict[int, tuple[int, ...]] = {
        256: (width,),
        257: (height,),
        258: (bits or samples.dtype.itemsize * 8,) * count,
        259: (compression,),
        262: (photometric,),
        277: (count,),
        284: (2 if is_separate else 1,),
        317: (2 if differences else 1,),
        339: (FORMATS[samples.dtype.kind],) * count,
        **({322: (tile,), 323: (tile,), 324: tuple(places)} if tile else {273: tuple(places), 278: (step,)}),
        (325 if tile else 279): tuple(map(len, pieces)),
        **{int(name[1:]): values for name, values in more.items()},
    }
    return assembled(tags, b"".join(pieces), order)


def assembled(tags: dict[int, tuple[int, ...]], pixels: bytes, order: str) -> bytes:
    at = 8 + len(pixels)
    directory, values = struct.pack(f"{order}H", len(tags)), b""
    for tag, numbers in sorted(tags.items()):
        directory += struct.pack(f"{order}HHI", tag, 4, len(numbers))
        packed = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(numbers) == 1:
            directory += packed
        else:
            directory += struct.pack(f"{order}I", at + 2 + 12 * len(tags) + 4 + len(values))
            values += packed
    return (
        struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, at) + pixels + directory + bytes(4) + values
    )


def deep(samples: NDArray[np.uint8], kind: str) -> Samples:
    """The same colours in another type: u1, u2, f4 (0..1)."""
    return samples / np.float32(255) if kind == "f4" else samples.astype(kind) * (257 if kind == "u2" else 1)


def assert_comes_out(data: bytes, expected: NDArray[np.uint8], most: int = 1) -> None:
    difference = np.abs(decode(data, SPEC, Limits()).astype(int) - expected)
    assert difference.max() <= most, difference.max()


WAYS: dict[str, dict[str, Any]] = {
    "strips": {},
    "big-endian": {"order": ">"},
    "deflate": {"compression": DEFLATE},
    "deflate, big-endian": {"compression": DEFLATE, "order": ">"},
    "differences": {"compression": DEFLATE, "differences": True},
    "tiles": {"tile": 16},
    "tiles, differences": {"compression": DEFLATE, "differences": True, "tile": 16, "order": ">"},
}
LAYOUTS: dict[str, tuple[NDArray[np.uint8], int, tuple[int, ...], NDArray[np.uint8]]] = {
    "grey": (GREYS, BLACK_IS_ZERO, (), GREYS),
    "white is zero": (255 - GREYS, WHITE_IS_ZERO, (), GREYS),
    "grey, alpha": (np.concatenate([GREYS, ALPHA], -1), BLACK_IS_ZERO, (UNASSOCIATED,), on_white(GREYS)),
    "RGB": (COLOURS, RGB, (), COLOURS),
    "RGB, alpha": (np.concatenate([COLOURS, ALPHA], -1), RGB, (UNASSOCIATED,), on_white(COLOURS)),
    "RGB, associated": (
        np.concatenate([np.where(ALPHA == 0, 0, COLOURS).astype(np.uint8), ALPHA], -1),
        RGB,
        (ASSOCIATED,),
        on_white(COLOURS),
    ),
    "RGB, what is it": (np.concatenate([COLOURS, ALPHA], -1), RGB, (0,), COLOURS),
    "CMYK": (INKS, CMYK, (), COLOURS),
    "CMYK, alpha": (np.concatenate([INKS, ALPHA], -1), CMYK, (UNASSOCIATED,), on_white(COLOURS)),
    "CMYK, associated": (
        np.concatenate([np.where(ALPHA == 0, 0, INKS).astype(np.uint8), ALPHA], -1),
        CMYK,
        (ASSOCIATED,),
        on_white(COLOURS),
    ),
}


@pytest.mark.parametrize("is_separate", [False, True], ids=["together", "planes"])
@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_samples_give_the_colours_that_went_in(layout: str, kind: str, is_separate: object) -> None:
    samples, photometric, extra, expected = LAYOUTS[layout]
    tags: dict[str, Any] = {"t338": extra} if extra else {}
    for way in WAYS.values():
        if kind == "f4" and way.get("differences"):
            continue
        data = tiff(deep(samples, kind), photometric, is_separate=bool(is_separate), **way, **tags)
        assert_comes_out(data, expected)


@pytest.mark.parametrize("way", ["strips", "big-endian", "deflate", "deflate, big-endian"])
@pytest.mark.parametrize("kind", ["i2", "i4"])
def test_signed_integers_are_the_same_in_either_byte_order(kind: str, way: str) -> None:
    samples = GREYS.astype(kind) * 128
    assert_comes_out(tiff(samples, BLACK_IS_ZERO, **WAYS[way]), (samples // 257).astype(np.uint8))


def test_twelve_bits_are_taken_at_their_full_range() -> None:
    values = (GREYS.astype(int) * 4095 // 255).ravel()
    first, second = values[::2], values[1::2]
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], -1).astype(np.uint8)
    data = tiff(packed.reshape(SIDE, SIDE * 3 // 2, 1), BLACK_IS_ZERO, bits=12, t256=(SIDE,))
    assert_comes_out(data, GREYS)


@pytest.mark.parametrize("scale", [1, 257], ids=["8 bits, which is wrong and seen", "16 bits"])
def test_a_palette_of_either_depth_gives_its_colours(scale: int) -> None:
    palette = tuple((np.arange(256) * scale).tolist()) * 3
    assert_comes_out(tiff(GREYS, PALETTE, t320=palette), GREYS)


def test_floats_that_are_not_between_0_and_1_are_taken_from_least_to_most() -> None:
    samples = COLOURS.astype("f4") * 3 - 100
    low, high = samples.min(), samples.max()
    assert_comes_out(tiff(samples, RGB), ((samples - low) * 255 / (high - low)).astype(np.uint8))


@pytest.mark.parametrize("turn", range(1, 9))
def test_what_is_read_sample_by_sample_is_turned_upright(turn: int) -> None:
    upright = tiff(COLOURS, RGB, t274=(turn,))
    by_samples = tiff(deep(COLOURS, "u2"), RGB, is_separate=True, t274=(turn,))
    assert_comes_out(by_samples, decode(upright, SPEC, Limits()))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(tiff(COLOURS.astype("f8"), RGB), id="64-bit floats"),
        pytest.param(tiff(COLOURS.astype("f2"), RGB), id="16-bit floats"),
        pytest.param(tiff(np.concatenate([INKS, INKS], -1), CMYK), id="eight inks"),
        pytest.param(tiff(deep(COLOURS, "f4"), RGB, t317=(3,), compression=DEFLATE), id="differences of floats"),
        pytest.param(tiff(deep(COLOURS, "u2"), RGB, is_separate=True)[:9000], id="cut"),
        pytest.param(tiff(deep(COLOURS, "u2"), RGB, is_separate=True, t273=(1,)), id="too few places"),
        pytest.param(tiff(deep(COLOURS, "f4"), RGB, t256=(0,)), id="no width"),
    ],
)
def test_what_would_be_read_wrongly_is_undecodable(data: bytes) -> None:
    with pytest.raises(RejectedImage, match="undecodable"):
        decode(data, SPEC, Limits())


def test_samples_beyond_the_limits_are_refused_before_they_are_read() -> None:
    small = deep(COLOURS[:16, :16], "f4")
    with pytest.raises(RejectedImage, match="too_many_pixels"):
        decode(tiff(small, RGB, t256=(100_000,), t257=(1001,)), SPEC, Limits())
    with pytest.raises(RejectedImage, match="too_many_pixels: 9000x9000 pixels of 3 samples of 32 bits"):
        decode(tiff(small, RGB, is_separate=True, t256=(9_000,), t257=(9_000,)), SPEC, Limits())
