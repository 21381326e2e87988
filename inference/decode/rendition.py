"""
Renditions: a picture made small for a web page, as a JPEG of bounded size. Pure.

The decoding processes return an array of fixed shape, whatever they make (shared_buffer.py). A rendition is the bytes
of such an array: the length of the file, then the file.
"""

import io
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.decode.picture import Limits, decode_to_fit
from inference.manifest import InputSpec

BYTES_PER_PIXEL: Final = 0.16
"""Largest size per pixel of the square around it: 16 KiB at 320 pixels, 400 KiB at 1,600."""
QUALITIES: Final = (75, 60, 45, 30, 15, 5)
"""The first one that keeps to the size is taken. Photographs keep to it at 75 or 60; noise needs the last ones."""

_LENGTH_BYTES: Final = 4


def rendition(data: bytes | memoryview, spec: InputSpec, limits: Limits) -> NDArray[np.uint8]:
    """
    The whole picture, upright, as a JPEG without metadata. Its long side has at most ``spec.size`` pixels.

    Args:
        data: as in ``decode``.
        limits: as in ``decode``.
        spec: its ``size`` alone is used; at least 64.

    Returns:
        uint8, shape (spec.size, spec.size, 3): not pixels, but what ``jpeg`` reads.

    Raises:
        RejectedImage: the picture is unusable, with the reason.
    """
    image = Image.fromarray(decode_to_fit(data, spec.size, limits))
    shape = (spec.size, spec.size, 3)
    most = min(int(BYTES_PER_PIXEL * spec.size**2), int(np.prod(shape)) - _LENGTH_BYTES)
    for quality in QUALITIES:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality, optimize=True, progressive=True)
        if file.tell() <= most:
            break
    made = np.zeros(shape, np.uint8)
    encoded = file.tell().to_bytes(_LENGTH_BYTES, "little") + file.getvalue()
    made.reshape(-1)[: len(encoded)] = np.frombuffer(encoded, np.uint8)
    return made


def jpeg(made: NDArray[np.uint8]) -> bytes:
    """
    The file in what ``rendition`` returned. It comes from a decoding process and is not to be trusted.

    Raises:
        ValueError: there is no JPEG in it.
    """
    everything = made.tobytes()
    length = int.from_bytes(everything[:_LENGTH_BYTES], "little")
    file = everything[_LENGTH_BYTES : _LENGTH_BYTES + length]
    if len(file) != length or not file.startswith(b"\xff\xd8\xff") or not file.endswith(b"\xff\xd9"):
        raise ValueError("a decoding process returned something that is no JPEG")
    return file
