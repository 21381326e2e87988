"""
Repairs files whose fault lies outside the pixels. Pure.

Browsers ignore such faults, while Pillow and its libraries refuse some of these files. Only refused files are repaired,
so ordinary pictures pay nothing.
"""

import struct
from collections.abc import Iterator
from itertools import islice
from typing import Final

from inference.decode import jpeg, png
from inference.decode.formats import Format

_MOST_CHUNKS: Final = 100_000  # more than an animation has frames
_WEBP_PIXELS: Final = {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"}  # RFC 9649, section 2.7


def repaired(kind: Format, data: bytes) -> Iterator[tuple[bytes, ...]]:
    """
    Candidates to decode instead of a refused file, the most promising first.

    A candidate is a tuple of files. If the decoded pixels of its files differ, pixels are missing.
    """
    match kind:
        case "JPEG":
            if endings := jpeg.with_endings(data):
                yield endings
            elif (bare := jpeg.bare(data)) != data and bare.endswith(jpeg.END):
                yield (bare,)
        case "PNG":
            yield from ((repaired_file,) for repaired_file in png.without_metadata(data))
        case "WEBP":
            if (repaired_file := _webp(data)) != data:
                yield (repaired_file,)


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
