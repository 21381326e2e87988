"""
One picture's bytes → the model's pixels, or the reason why not. Pure: no files, no processes, no torch.

The input is hostile until proven otherwise. What it is is read off its first bytes, its size is checked before its
pixels are allocated, and whatever a decoder raises comes out as ``RejectedImage``. What no exception can express (a
crash, a hang) is ``decode_pool``'s business.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.decode.colour import to_rgb
from inference.decode.formats import Format, opener, sniff, webp_size
from inference.decode.mending import without_faults
from inference.decode.orientation import UPRIGHT, orientation
from inference.decode.png import with_alpha
from inference.errors import RejectedImage
from inference.manifest import InputSpec

_DRAFT_CROP: Final = 0.875  # EfficientNet's own crop; drafts smaller than size / 0.875 were seen to change labels
_REDUCING_GAP: Final = 3.0  # Pillow's documentation: not to be told from full bicubic; halves the cost of large sources
_WEBP_BYTES_PER_PIXEL: Final = 16  # two canvases of libwebp's, a copy, Pillow's picture, 4 bytes each; measured: 15.6
_DETAIL_CHARACTERS: Final = 300


@dataclass(frozen=True, slots=True)
class Limits:
    """
    What a picture may be at most. The defaults take a phone's 50 megapixels, and about 0.5 GB while decoding; a WebP of
    100 megapixels takes 1.6 GB. ``max_memory_bytes`` is what a decoder may take where that is known beforehand.
    """

    max_bytes: int = 64 * 1024 * 1024
    max_pixels: int = 100_000_000
    max_memory_bytes: int | None = None


def decode(data: bytes | memoryview, spec: InputSpec, limits: Limits) -> NDArray[np.uint8]:
    """
    Decode, turn upright, resize and crop one picture.

    The short side is brought to ``spec.resize`` and the central square of ``spec.size`` taken, both in one bicubic
    resampling of that square. EXIF orientation is applied; that of a corrupt EXIF block counts as upright. A large
    JPEG is decoded at the smallest of libjpeg's scales that is not below ``spec.resize`` and size / 0.875: seven times
    cheaper, and no label was seen to change. Pillow's warnings about damaged metadata are left to the caller's filters.

    Args:
        data: a JPEG, PNG, WebP, GIF (its first frame), BMP, TIFF (its first page), HEIC or AVIF file.
        spec: the model's input, from its manifest.
        limits: enforced before the pixels are allocated.

    Returns:
        uint8, shape (spec.size, spec.size, 3), sRGB, 0..255, C-contiguous, owned by the caller.

    Raises:
        RejectedImage: whatever is wrong with the picture, with its reason; nothing else, whatever the bytes.
    """
    if len(data) > limits.max_bytes:
        raise RejectedImage("too_many_bytes", f"{len(data)} bytes, at most {limits.max_bytes} are taken")
    if not data:
        raise RejectedImage("undecodable", "the object is empty")
    kind = sniff(bytes(data[:64]))
    if kind is None:
        raise RejectedImage(
            "unsupported_format", f"starts with {bytes(data[:12])!r}, which is no picture format we know"
        )
    try:
        return _decoded((data,), kind, spec, limits)
    except RejectedImage as refused:
        if refused.reason != "undecodable":
            raise
        for mended in without_faults(kind, bytes(data)):
            try:
                return _decoded(mended, kind, spec, limits)
            except RejectedImage as again:
                if again.reason != "undecodable":
                    raise
        raise


def _decoded(files: Sequence[bytes | memoryview], kind: Format, spec: InputSpec, limits: Limits) -> NDArray[np.uint8]:
    """The pixels of one picture. Of several files, all must have the same, before they are resized and cropped."""
    try:
        image, turn = _loaded(files[0], kind, spec, limits)
        for other in files[1:]:
            _check_same(image, _loaded(other, kind, spec, limits)[0])
        square = to_rgb(image, lambda source: _central_square(source, spec))
    except RejectedImage:
        raise
    except MemoryError as error:  # of a process with a memory limit: the picture needs more than any picture should
        raise RejectedImage("decoder_crashed", "decoding needs more memory than a picture may take") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:  # of a frame or tile within
        raise RejectedImage("too_many_pixels", _sentence(error)) from error
    except Exception as error:  # decoders raise anything: SyntaxError, struct.error, IndexError, zlib.error, …
        raise RejectedImage("undecodable", _sentence(error)) from error
    upright = square if turn is None else square.transpose(turn)
    return np.array(upright, dtype=np.uint8, order="C")


def _loaded(
    data: bytes | memoryview, kind: Format, spec: InputSpec, limits: Limits
) -> tuple[Image.Image, Image.Transpose | None]:
    """The picture, at the scale at which it is decoded, and what turns it upright."""
    if kind == "WEBP" and (size := webp_size(bytes(data[:30]))) is not None:
        _check_pixels(*size, limits)
        _check_memory(*size, limits)
    with opener(kind)(io.BytesIO(data)) as image:
        _check_pixels(image.width, image.height, limits)
        if kind == "JPEG":
            least = max(spec.resize, math.ceil(spec.size / _DRAFT_CROP))
            image.draft(None, (least, least))
        image.load()
        turn = UPRIGHT.get(orientation(image))
        return (with_alpha(image, data) if kind == "PNG" else image), turn


def _check_same(one: Image.Image, other: Image.Image) -> None:
    if one.tobytes() != other.tobytes():
        raise RejectedImage("undecodable", "its end is missing, and pixels with it")


def _check_pixels(width: int, height: int, limits: Limits) -> None:
    if width * height > limits.max_pixels:
        raise RejectedImage("too_many_pixels", f"{width}x{height} pixels, at most {limits.max_pixels} are taken")


def _check_memory(width: int, height: int, limits: Limits) -> None:
    needed = width * height * _WEBP_BYTES_PER_PIXEL
    if limits.max_memory_bytes is not None and needed > limits.max_memory_bytes:
        raise RejectedImage(
            "too_many_pixels",
            f"{width}x{height} pixels of WebP take {needed} bytes to decode, at most {limits.max_memory_bytes} may be",
        )


def _central_square(image: Image.Image, spec: InputSpec) -> Image.Image:
    """Short side to spec.resize, centre crop to spec.size, in one step: only the pixels that stay are computed."""
    side = min(image.size) * spec.size / spec.resize
    left, top = (image.width - side) / 2, (image.height - side) / 2
    return image.resize(
        (spec.size, spec.size),
        Image.Resampling.BICUBIC,
        box=(left, top, left + side, top + side),
        reducing_gap=_REDUCING_GAP,
    )


def _sentence(error: BaseException) -> str:
    return one_line(f"{type(error).__name__}: {error}")


def one_line(text: str) -> str:
    """
    A decoder's words, at most 300 printable characters of them: they go into logs that have lines and into a database
    that takes no NUL, and a picture may have had its say in them.
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text[:_DETAIL_CHARACTERS]).split())
