"""
Reads TIFF pictures that Pillow refuses or misreads, sample by sample.

Pillow has a table of TIFF layouts. It refuses others, such as float colours and CMYK with alpha. It misreads a few
without an error: separate planes of 16 bits, deep grey where zero is white, 12 bits. To libtiff, a picture of width w
with n samples per pixel has the same strips as a grey one of width w * n. So this module writes a new directory, for
such a grey picture, and converts the samples to colours itself.

Source: TIFF 6.0, sections 2 to 18.
"""

import io
import struct
from dataclasses import dataclass
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImagePalette, TiffImagePlugin

from inference.decode.colour import WHITE, eight_bits, in_srgb
from inference.decode.orientation import ORIENTATION_TAG, UPRIGHT
from inference.errors import RejectedImage

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIPS, _SAMPLES, _ROWS, _STRIP_BYTES, _PLANAR, _PREDICTOR = 273, 277, 278, 279, 284, 317
_PALETTE, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 320, 322, 323, 324, 325
_EXTRA, _FORMAT, _PROFILE = 338, 339, 34675
_LONG: Final = 4
_WHITE_IS_ZERO, _CMYK = 0, 5
_COLOURS: Final = {_WHITE_IS_ZERO: 1, 1: 1, 2: 3, _CMYK: 4}  # samples per pixel, without extra samples
_SEPARATE: Final = 2
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_TWELVE: Final = 12
_DEPTHS: Final = {(_UNSIGNED, 8), (_UNSIGNED, 16), (_UNSIGNED, 32), (_FLOAT, 32)}
_GREY_DEPTHS: Final = {(_UNSIGNED, _TWELVE), (_SIGNED, 16), (_SIGNED, 32)}
_LOSSLESS: Final = {1, 5, 8, 32773, 32946, 34925, 50000}  # none, LZW, Deflate twice, PackBits, LZMA, Zstandard
_DIFFERENCES: Final = 2
_ASSOCIATED, _UNASSOCIATED = 1, 2
_MOST_SAMPLES: Final = 6
_MOST_BYTES: Final = 500_000_000  # of samples at once; the measured peak is twice that


def open_tiff(file: IO[bytes]) -> ImageFile.ImageFile:
    """Pillow's class for the TIFF, or SampledTiff where Pillow would refuse or misread it."""
    try:
        image = TiffImagePlugin.TiffImageFile(file)
    except SyntaxError:  # Pillow's error for an unknown layout
        return SampledTiff(file)
    if _is_misread(image.tag_v2):
        return SampledTiff(file)
    if image.mode in {"P", "PA"} and max(image.tag_v2[_PALETTE]) <= WHITE:  # 8-bit values, where the format has 16
        image.palette = ImagePalette.raw("RGB;L", bytes(image.tag_v2[_PALETTE]))
    return image


def _is_misread(tags: Any) -> bool:
    """Whether Pillow 13 opens this layout but misreads it, or fails to load it."""
    depth, photometric = max(tags.get(_BITS, (1,))), tags.get(_PHOTOMETRIC, _WHITE_IS_ZERO)
    if tags.get(_PLANAR) == _SEPARATE:  # Pillow reads deeper planes as 8 bits
        return depth > 8 or (depth == 8 and photometric in _COLOURS and tags.get(_COMPRESSION, 1) in _LOSSLESS)  # noqa: PLR2004
    return depth > 8 and (  # noqa: PLR2004 - bits
        depth == _TWELVE  # read as 16 bits: too dark
        or photometric == _WHITE_IS_ZERO  # read as black is zero
        or _is_swapped(tags)
    )


def _is_swapped(tags: Any) -> bool:
    """Whether Pillow expects the file's byte order while libtiff returns the machine's."""
    return bool(tags.prefix == b"MM" and tags.get(_COMPRESSION, 1) != 1 and max(tags.get(_FORMAT, (1,))) != _UNSIGNED)


@dataclass(frozen=True, slots=True)
class _Layout:
    """The layout of the samples in the file. ``of`` raises ValueError for an unsupported one."""

    tags: Any
    width: int
    height: int
    samples: int
    depth: int
    format: int
    photometric: int
    extra: tuple[int, ...]
    is_separate: bool

    @classmethod
    def of(cls, tags: Any) -> "_Layout":
        samples = tags.get(_SAMPLES, 1)
        bits, formats = set(tags.get(_BITS, (1,))), set(tags.get(_FORMAT, (_UNSIGNED,)))
        photometric = tags.get(_PHOTOMETRIC, _WHITE_IS_ZERO)
        is_separate = tags.get(_PLANAR, 1) == _SEPARATE
        depth, kind = max(bits), max(formats)
        is_known = (
            len(bits) == len(formats) == 1
            and (kind, depth) in (_DEPTHS | _GREY_DEPTHS if samples == 1 else _DEPTHS)
            and photometric in _COLOURS
            and _COLOURS[photometric] <= samples <= _MOST_SAMPLES
            and tags.get(_COMPRESSION, 1) in _LOSSLESS
            and tags.get(_FILL_ORDER, 1) == 1
            and (tags.get(_PREDICTOR, 1) in {1, _DIFFERENCES} or samples == 1 or is_separate)
        )
        if not is_known:
            raise ValueError("unsupported sample layout")
        extra = tags.get(_EXTRA, ())
        return cls(tags, tags[_WIDTH], tags[_HEIGHT], samples, depth, kind, photometric, tuple(extra), is_separate)

    @property
    def is_together(self) -> bool:
        """Whether the samples of a pixel are interleaved."""
        return self.samples > 1 and not self.is_separate


class SampledTiff(ImageFile.ImageFile):
    """Knows its size once opened. Loaded, it is upright, in mode L, RGB, CMYK, LA or RGBA, 8 bits per sample."""

    format = "TIFF"

    def _open(self) -> None:
        assert self.fp is not None
        self.fp.seek(0)
        header = self.fp.read(8)
        tags = TiffImagePlugin.ImageFileDirectory_v2(header)
        self.fp.seek(tags.next)
        tags.load(self.fp)
        self._layout = _Layout.of(tags)
        self._size = self._layout.width, self._layout.height
        self._mode = "RGB"
        if tags.get(_PROFILE):
            self.info["icc_profile"] = tags[_PROFILE]

    def load(self) -> Any:
        """Read the pixels, once."""
        if self._im is None:
            assert self.fp is not None
            self.fp.seek(0)
            image = _coloured(_samples(self.fp.read(), self._layout), self._layout, self.info.get("icc_profile"))
            turn = UPRIGHT.get(self._layout.tags.get(ORIENTATION_TAG))
            image = image if turn is None else image.transpose(turn)
            self.im, self._mode, self._size = image.im, image.mode, image.size
            if image.mode == "RGBA" and self._layout.photometric == _CMYK:
                self.info.pop("icc_profile", None)  # it has been applied
        return super().load()


def _samples(data: bytes, layout: _Layout) -> NDArray[Any]:
    """All samples, shape (height, width, samples); integers of up to 16 bits are scaled to 8."""
    read = (1 if layout.is_separate else layout.samples) * max(layout.depth // 8, 1)
    kept = layout.samples * (1 if layout.depth <= 16 else 4)  # noqa: PLR2004 - bits
    if layout.width * layout.height * (read + kept) > _MOST_BYTES:
        raise RejectedImage(
            "too_many_pixels",
            f"{layout.width}x{layout.height} pixels of {layout.samples} samples of {layout.depth} bits",
        )
    planes = [
        _whole(_grey(data, layout, plane), layout) for plane in range(layout.samples if layout.is_separate else 1)
    ]
    if layout.is_separate:
        return np.stack(planes, axis=-1)
    return planes[0].reshape(layout.height, layout.width, layout.samples)


def _whole(samples: NDArray[Any], layout: _Layout) -> NDArray[Any]:
    if layout.is_together and layout.tags.get(_PREDICTOR) == _DIFFERENCES:
        width = layout.tags.get(_TILE_WIDTH, layout.width)  # the predictor restarts in each tile
        rows = samples.reshape(layout.height, layout.width, layout.samples)
        for left in range(0, layout.width, width):
            part = rows[:, left : left + width]
            np.cumsum(part, axis=1, dtype=part.dtype, out=part)
    if samples.dtype.itemsize == 2:  # noqa: PLR2004 - bytes
        return (samples >> (layout.depth - 8)).astype(np.uint8)
    return samples


def _grey(data: bytes, layout: _Layout, plane: int) -> NDArray[Any]:
    """A copy of one plane, or of all interleaved samples, read as a grey picture."""
    tags = layout.tags
    factor = layout.samples if layout.is_together else 1
    grey: dict[int, tuple[int, ...]] = {
        _WIDTH: (layout.width * factor,),
        _HEIGHT: (layout.height,),
        _BITS: (layout.depth,),
        _COMPRESSION: (tags.get(_COMPRESSION, 1),),
        _PHOTOMETRIC: (1,),
        _SAMPLES: (1,),
        _FORMAT: (layout.format,),
        _PREDICTOR: (1 if layout.is_together else tags.get(_PREDICTOR, 1),),
    }
    if _TILES in tags:
        places, sizes = _TILES, _TILE_BYTES
        grey |= {_TILE_WIDTH: (tags[_TILE_WIDTH] * factor,), _TILE_HEIGHT: (tags[_TILE_HEIGHT],)}
    else:
        places, sizes = _STRIPS, _STRIP_BYTES
        grey[_ROWS] = (min(tags.get(_ROWS, layout.height), layout.height),)
    planes = layout.samples if layout.is_separate else 1
    for tag in (places, sizes):
        each = len(tags[tag]) // planes
        grey[tag] = tuple(tags[tag][plane * each : (plane + 1) * each])
    with TiffImagePlugin.TiffImageFile(io.BytesIO(_with_directory(data, grey))) as image:
        image.load()
        pixels = np.asarray(image)
    if _is_swapped(tags):
        pixels = pixels.astype(np.int16 if layout.depth == 16 else pixels.dtype).byteswap()  # noqa: PLR2004 - bits
        return pixels.astype(np.int32) if layout.depth == 16 else pixels  # noqa: PLR2004 - bits
    return pixels.astype(pixels.dtype.newbyteorder("="))


def _with_directory(data: bytes, tags: dict[int, tuple[int, ...]]) -> bytes:
    """The file with a new directory at its end; all values are LONGs."""
    endian = "<" if data[:2] == b"II" else ">"
    directory_at = len(data) + len(data) % 2
    values_at = directory_at + 2 + 12 * len(tags) + 4
    entries, values = struct.pack(f"{endian}H", len(tags)), b""
    for tag, numbers in sorted(tags.items()):
        packed = struct.pack(f"{endian}{len(numbers)}L", *numbers)
        entries += struct.pack(f"{endian}HHL", tag, _LONG, len(numbers))
        if len(numbers) == 1:
            entries += packed
        else:
            entries += struct.pack(f"{endian}L", values_at + len(values))
            values += packed
    header = data[:2] + struct.pack(f"{endian}HL", 42, directory_at)
    return header + data[8:].ljust(directory_at - 8, b"\0") + entries + bytes(4) + values


def _coloured(samples: NDArray[Any], layout: _Layout, profile: object) -> Image.Image:
    count = _COLOURS[layout.photometric]
    colours = eight_bits(samples[..., :count])
    if layout.photometric == _WHITE_IS_ZERO:
        colours = WHITE - colours
    kind, alpha = _alpha(samples[..., count:], layout)
    if alpha is not None and kind == _ASSOCIATED and layout.photometric not in {_WHITE_IS_ZERO, _CMYK}:
        # Premultiplied alpha over white: add the missing share of white. Where zero is white, nothing is missing.
        colours = np.minimum(colours.astype(np.uint16) + (WHITE - alpha)[..., np.newaxis], WHITE).astype(np.uint8)
    mode = {1: "L", 3: "RGB", 4: "CMYK"}[count]
    image = Image.frombytes(mode, (layout.width, layout.height), np.ascontiguousarray(colours).tobytes())
    if alpha is not None and kind == _UNASSOCIATED:
        image = in_srgb(image, profile) if mode == "CMYK" else image
        image.putalpha(Image.fromarray(alpha))
    return image


def _alpha(extra: NDArray[Any], layout: _Layout) -> tuple[int | None, NDArray[np.uint8] | None]:
    """The kind of alpha and its channel of 8 bits, or None. An undeclared fourth sample of RGB counts as alpha."""
    kinds = layout.extra or ((_UNASSOCIATED,) if _COLOURS[layout.photometric] == 3 else ())  # noqa: PLR2004 - RGB
    for kind, number in zip(kinds, range(extra.shape[-1]), strict=False):
        if kind in {_ASSOCIATED, _UNASSOCIATED}:
            return kind, eight_bits(
                np.clip(extra[..., number], 0, 1) if layout.format == _FLOAT else extra[..., number]
            )
    return None, None
