"""
Decodes one picture's bytes into the model's pixels, or rejects it with a reason. Pure: no files, processes or torch.

The input is hostile. The format is detected by the first bytes, the size is checked before pixels are allocated, and
every exception of a decoder becomes a ``RejectedImage``. Crashes and hangs are handled by ``pool``.
"""

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.decode.colour import Resample, to_rgb
from inference.decode.formats import Format, opener, sniff, webp_size
from inference.decode.orientation import UPRIGHT, orientation
from inference.decode.png import with_alpha
from inference.decode.repair import repaired
from inference.errors import RejectedImage
from inference.manifest import InputSpec

_DRAFT_CROP: Final = 0.875  # EfficientNet's own crop; drafts smaller than size / 0.875 were seen to change labels
_REDUCING_GAP: Final = (
    3.0  # Pillow's documentation: indistinguishable from full bicubic; halves the cost of large pictures
)
_WEBP_BYTES_PER_PIXEL: Final = 16  # two canvases of libwebp's, a copy, Pillow's picture, 4 bytes each; measured: 15.6
_DETAIL_CHARACTERS: Final = 300
_LONGEST: Final = 3  # times the short side
_DAMAGED: Final = "the contents are damaged"
_OBJECT: Final = re.compile(r"\s*<[^<>]* object at 0x[0-9a-f]+>")


@dataclass(frozen=True, slots=True)
class Limits:
    """
    Upper limits of a picture. The defaults allow a phone's 50 megapixels, which take about 0.5 GB while decoding; a
    WebP of 100 megapixels takes 1.6 GB. ``max_memory_bytes`` applies to formats whose memory is known beforehand.
    """

    max_bytes: int = 64 * 1024 * 1024
    max_pixels: int = 100_000_000
    max_memory_bytes: int | None = None


def decode(data: bytes | memoryview, spec: InputSpec, limits: Limits) -> NDArray[np.uint8]:
    """
    Decode, turn upright, resize and crop one picture.

    The short side is scaled to ``spec.resize`` and the central square of ``spec.size`` is cropped, in one bicubic
    resampling. EXIF orientation is applied; a corrupt EXIF block counts as upright. A large JPEG is decoded at the
    smallest of libjpeg's scales that is not below ``spec.resize`` and size / 0.875: seven times cheaper, and no label
    changed in tests. The caller filters Pillow's warnings about damaged metadata.

    Args:
        data: a JPEG, PNG, WebP, GIF (its first frame), BMP, TIFF (its first page), HEIC or AVIF file.
        spec: the model's input, from its manifest.
        limits: enforced before the pixels are allocated.

    Returns:
        uint8, shape (spec.size, spec.size, 3), sRGB, 0..255, C-contiguous, owned by the caller.

    Raises:
        RejectedImage: the picture is unusable, with the reason. No bytes raise anything else.
    """
    least = max(spec.resize, math.ceil(spec.size / _DRAFT_CROP))
    return _decode(data, limits, _Reduction(least, lambda image: _central_square(image, spec)))


def decode_whole(data: bytes | memoryview, side: int, limits: Limits) -> NDArray[np.uint8]:
    """
    Like ``decode``, without the crop: for training, which crops at random.

    The short side is scaled to ``side``, or left as it is if it is shorter. Of a picture that is longer than three
    times its short side, the ends are cut off, so that no panorama takes the memory of a hundred pictures.

    Returns:
        uint8, shape (H, W, 3), min(H, W) at most ``side``, sRGB, 0..255, C-contiguous, owned by the caller.

    Raises:
        RejectedImage: the picture is unusable, with the reason. No bytes raise anything else.
    """
    return _decode(data, limits, _Reduction(side, lambda image: _whole(image, side)))


def decode_to_fit(data: bytes | memoryview, side: int, limits: Limits) -> NDArray[np.uint8]:
    """
    Like ``decode``, without the crop: for showing it to people. Nothing is cut off.

    The long side is scaled to ``side``, or left as it is if it is shorter. A nearly square JPEG may end a quarter
    shorter: a draft of three quarters of ``side`` is taken as it is, which halves the cost.

    Returns:
        uint8, shape (H, W, 3), max(H, W) at most ``side``, sRGB, 0..255, C-contiguous, owned by the caller.

    Raises:
        RejectedImage: the picture is unusable, with the reason. No bytes raise anything else.
    """
    return _decode(data, limits, _Reduction(side * 3 // 4, lambda image: _fitted(image, side)))


@dataclass(frozen=True, slots=True)
class _Reduction:
    """How a picture is made smaller; no draft of a JPEG may have a side below ``least`` pixels."""

    least: int
    resample: Resample


def _decode(data: bytes | memoryview, limits: Limits, reduction: _Reduction) -> NDArray[np.uint8]:
    if len(data) > limits.max_bytes:
        raise RejectedImage("too_many_bytes", f"{len(data)} bytes, at most {limits.max_bytes} are taken")
    if not data:
        raise RejectedImage("undecodable", "the object is empty")
    kind = sniff(bytes(data[:64]))
    if kind is None:
        raise RejectedImage(
            "unsupported_format", f"starts with {bytes(data[:12])!r}, which is no supported picture format"
        )
    try:
        return _decoded((data,), kind, reduction, limits)
    except RejectedImage as refused:
        if refused.reason != "undecodable":
            raise
        for repaired_file in repaired(kind, bytes(data)):
            try:
                return _decoded(repaired_file, kind, reduction, limits)
            except RejectedImage as again:
                if again.reason != "undecodable":
                    raise
        raise


def _decoded(
    files: Sequence[bytes | memoryview], kind: Format, reduction: _Reduction, limits: Limits
) -> NDArray[np.uint8]:
    """The pixels of one picture. Several files must decode to the same pixels, compared before resizing."""
    try:
        image, turn = _loaded(files[0], kind, reduction.least, limits)
        for other in files[1:]:
            _check_same(image, _loaded(other, kind, reduction.least, limits)[0])
        reduced = to_rgb(image, reduction.resample)
    except RejectedImage:
        raise
    except MemoryError as error:  # the process has a memory limit
        raise RejectedImage("decoder_crashed", "decoding needs more memory than a picture may take") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:  # in a frame or tile
        raise RejectedImage("too_many_pixels", _sentence(error)) from error
    except Exception as error:  # decoders raise anything: SyntaxError, struct.error, IndexError, zlib.error, …
        raise RejectedImage("undecodable", _sentence(error)) from error
    upright = reduced if turn is None else reduced.transpose(turn)
    return np.array(upright, dtype=np.uint8, order="C")


def _loaded(
    data: bytes | memoryview, kind: Format, least: int, limits: Limits
) -> tuple[Image.Image, Image.Transpose | None]:
    """The decoded picture, and the transpose that turns it upright."""
    if kind == "WEBP" and (size := webp_size(bytes(data[:30]))) is not None:
        _check_pixels(*size, limits)
        _check_memory(*size, limits)
    with opener(kind)(io.BytesIO(data)) as image:
        _check_pixels(image.width, image.height, limits)
        if kind == "JPEG":
            image.draft(None, (least, least))
        image.load()
        turn = UPRIGHT.get(orientation(image))
        return (with_alpha(image, data) if kind == "PNG" else image), turn


def _check_same(one: Image.Image, other: Image.Image) -> None:
    if one.tobytes() != other.tobytes():
        raise RejectedImage("undecodable", "the end of the file is missing, and pixels with it")


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
    """Scale the short side to spec.resize and crop spec.size in one step, which computes only the kept pixels."""
    side = min(image.size) * spec.size / spec.resize
    left, top = (image.width - side) / 2, (image.height - side) / 2
    return image.resize(
        (spec.size, spec.size),
        Image.Resampling.BICUBIC,
        box=(left, top, left + side, top + side),
        reducing_gap=_REDUCING_GAP,
    )


def _whole(image: Image.Image, side: int) -> Image.Image:
    short = min(image.size)
    scale = min(1.0, side / short)
    width, height = (min(each, _LONGEST * short) for each in image.size)
    left, top = (image.width - width) / 2, (image.height - height) / 2
    return image.resize(
        (max(1, round(width * scale)), max(1, round(height * scale))),
        Image.Resampling.BICUBIC,
        box=(left, top, left + width, top + height),
        reducing_gap=_REDUCING_GAP,
    )


def _fitted(image: Image.Image, side: int) -> Image.Image:
    scale = min(1.0, side / max(image.size))
    width, height = (max(1, round(each * scale)) for each in image.size)
    return image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=_REDUCING_GAP)


def _sentence(error: BaseException) -> str:
    """A library's error in its words about the file, without the names of its classes and objects."""
    said = one_line(_OBJECT.sub("", str(error)))
    if isinstance(error, OSError | SyntaxError | Image.DecompressionBombError | Image.DecompressionBombWarning):
        return said or _DAMAGED  # Pillow's words for a file that it refuses
    return f"{_DAMAGED}: {said}" if said else _DAMAGED


def one_line(text: str) -> str:
    """
    A decoder's message as one line of at most 300 printable characters. It goes into logs and the database, and may
    contain text from a hostile picture.
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text[:_DETAIL_CHARACTERS]).split())
