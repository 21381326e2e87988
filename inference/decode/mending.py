"""
A picture's file without a fault that lies outside its pixels. Pure.

Browsers pass over such faults; Pillow and the libraries below it refuse the file for some of them. Only what was
refused comes here: it costs ordinary pictures nothing.
"""

import struct
from collections.abc import Iterator
from itertools import islice
from typing import Final

from inference.decode import jpeg, png
from inference.decode.formats import Format

_MOST_CHUNKS: Final = 100_000  # of an animation: more than it has frames
_WEBP_PIXELS: Final = {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"}  # RFC 9649, section 2.7


def without_faults(kind: Format, data: bytes) -> Iterator[tuple[bytes, ...]]:
    """
    Files to try in the place of a refused one, the likeliest first.

    Each is a tuple: if it has several, all of them must decode to the same pixels, or pixels are missing.
    """
    match kind:
        case "JPEG":
            if endings := jpeg.with_endings(data):
                yield endings
            elif (bare := jpeg.bare(data)) != data and bare.endswith(jpeg.END):
                yield (bare,)
        case "PNG":
            yield from ((mended,) for mended in png.without_metadata(data))
        case "WEBP":
            if (mended := _webp(data)) != data:
                yield (mended,)


def _webp(data: bytes) -> bytes:
    kept = b"".join(islice(_webp_pixels(data), _MOST_CHUNKS))
    return b"RIFF" + struct.pack("<I", len(kept) + 4) + b"WEBP" + kept


def _webp_pixels(data: bytes) -> Iterator[bytes]:
    at = 12
    while at + 8 < len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        chunk = data[at : at + 8 + length + length % 2]
        if kind in _WEBP_PIXELS:
            yield chunk
        at += len(chunk)
