"""Repairs PNG files with damaged metadata, and reads transparency that Pillow misses. Pure."""

import io
import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PIXELS: Final = {b"IHDR", b"PLTE", b"IDAT"}
_COLOURS: Final = {b"tRNS", b"gAMA", b"sRGB", b"iCCP", b"eXIf"}
_END: Final = b"\0\0\0\0IEND\xae\x42\x60\x82"
_MOST_CHUNKS: Final = 100_000  # a hostile file of 64 MB can have millions
_DEPTH_AT: Final = 24
_SCALE: Final = {1: 1, 2: 85, 4: 17}  # from grey of 2 or 4 bits to 8; Pillow scales 1 bit itself


class _Chunk(NamedTuple):
    kind: bytes
    data: bytes
    """The whole chunk: length, kind, content, checksum."""
    is_whole: bool


def without_metadata(data: bytes) -> Iterator[bytes]:
    """
    The file without chunks that no pixel needs: first with the valid chunks for colours and orientation, then without
    them. A version equal to the one before is left out.

    libpng and browsers ignore a damaged ancillary chunk. Animation chunks (APNG) are dropped; the first frame remains.
    """
    chunks = [*islice(_chunks(data), _MOST_CHUNKS)]
    before = data
    for wanted in (_PIXELS | _COLOURS, _PIXELS):
        kept = [each for each in chunks if each.kind in wanted and _is_sound(each)]
        end = _END if all(each.is_whole for each in kept) else b""  # else the end would be read as the missing data
        repaired_file = _SIGNATURE + b"".join(each.data for each in kept) + end
        if repaired_file != before:
            yield repaired_file
        before = repaired_file


def _chunks(data: bytes) -> Iterator[_Chunk]:
    at = len(_SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        yield _Chunk(kind, data[at:end], end <= len(data))
        at = end


def _is_sound(chunk: _Chunk) -> bool:
    """Whether the checksum is right. Pixel chunks are left to the decoder."""
    return chunk.kind in _PIXELS or zlib.crc32(chunk.data[4:-4]) == int.from_bytes(chunk.data[-4:], "big")


def with_alpha(image: Image.Image, data: bytes | memoryview) -> Image.Image:
    """
    A loaded PNG, with an alpha channel if it has a transparent colour (tRNS) of other than 8 bits.

    Pillow misses these: it compares the unscaled colour with pixels that it scaled to 8 bits.
    """
    key, depth = image.info.get("transparency"), data[_DEPTH_AT]
    if not isinstance(key, int | tuple) or depth == 8 or image.mode not in {"1", "L", "I;16", "RGB"}:  # noqa: PLR2004
        return image
    if image.mode == "RGB":
        deep = np.asarray(image).astype(np.uint16) << 8 | _lower_bytes(data)
        is_key = (deep == np.array(key, np.uint16)).all(axis=-1)
    else:
        pixels = np.asarray(image.convert("L") if image.mode == "1" else image)
        is_key = pixels == (key if depth == 16 else key * _SCALE[depth])  # noqa: PLR2004
    opaque = Image.fromarray((pixels >> 8).astype(np.uint8)) if image.mode == "I;16" else image
    opaque = opaque if image.mode == "RGB" else opaque.convert("L")
    opaque.info = {name: value for name, value in image.info.items() if name != "transparency"}
    opaque.putalpha(Image.fromarray(np.where(is_key, 0, 255).astype(np.uint8)))
    return opaque


def _lower_bytes(data: bytes | memoryview) -> NDArray[np.uint16]:
    """The lower bytes of 16-bit colours. Pillow reads the upper bytes; a swapped byte order gives the lower ones."""
    with PngImagePlugin.PngImageFile(io.BytesIO(data)) as image:
        image.tile = [tile._replace(args="RGB;16L") for tile in image.tile]
        image.load()
        return np.asarray(image).astype(np.uint16)
