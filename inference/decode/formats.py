"""Detects a picture's format by its first bytes, never by a file name, and gives the decoder."""

import functools
import io
import re
from collections.abc import Callable
from typing import IO, Final, Literal

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from inference.decode.tiff import open_tiff

Format = Literal["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF"]
Opener = Callable[[IO[bytes]], ImageFile.ImageFile]

_BMP_HEADER_SIZES: Final = {
    12,
    16,
    40,
    52,
    56,
    64,
    108,
    124,
}  # of OS/2 1 to Windows 5; tells BMP from text that starts with "BM"
_HEIF_BRANDS: Final = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}  # ISO/IEC 23008-12
_AVIF_BRANDS: Final = {b"avif", b"avis"}
_EXIF_ITEM: Final = re.compile(rb"(infe[\2\3].{7}(?:..)?)Exif", re.DOTALL)  # ISO/IEC 14496-12, 8.11.6: item info entry


def sniff(head: bytes) -> Format | None:  # noqa: PLR0911 - a table of signatures, one line each
    """The format of a file that starts with ``head`` (its first 64 bytes or more); None if it is unknown."""
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    return _iso_media(head) if head[4:8] == b"ftyp" else None


def _iso_media(head: bytes) -> Format | None:
    """HEIF or AVIF, by the major brand and the compatible brands after it; the two share a container."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))]
    if _AVIF_BRANDS.intersection(brands):  # first: an AVIF file may name mif1 as its major brand
        return "AVIF"
    return "HEIF" if _HEIF_BRANDS.intersection(brands) else None


def webp_size(head: bytes) -> tuple[int, int] | None:
    """
    Width and height in pixels of a WebP file that starts with ``head`` (30 bytes); None if it states none.

    Needed since Pillow's decoder allocates the canvas when it is created. Source: RFC 9649, sections 2.5 to 2.7.
    """
    if len(head) < 30:  # noqa: PLR2004 - bytes, up to the end of the sizes below
        return None
    match head[12:16]:
        case b"VP8X":
            return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
        case b"VP8L":
            bits = int.from_bytes(head[21:25], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 ":
            return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
    return None


def opener(kind: Format) -> Opener:
    """
    Pillow's class for ``kind``, which reads the header and not yet the pixels.

    ``Image.open`` is not used: it tries other formats, opens a JPEG with a second picture as a sequence (MPO), and its
    pixel limit is a global variable.
    """
    return _heif_opener() if kind == "HEIF" else _OPENERS[kind]


def _open_avif(file: IO[bytes]) -> ImageFile.ImageFile:
    """
    Pillow's class. libavif refuses a picture for a corrupt EXIF block, so the block is then hidden behind an unknown
    item type. The orientation of an AVIF file is stored elsewhere (irot, imir).
    """
    try:
        return AvifImagePlugin.AvifImageFile(file)
    except Exception:
        file.seek(0)
        data = file.read()
        hidden = _EXIF_ITEM.sub(rb"\1none", data)
        if hidden == data:
            raise
        return AvifImagePlugin.AvifImageFile(io.BytesIO(hidden))


# One thread: the pool decodes in parallel, and dav1d's threads would use a core and a stack each.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
# An editing history in a PNG's XMP may exceed Pillow's limit of 1 MB. Decompression bombs are still refused.
PngImagePlugin.MAX_TEXT_CHUNK = 16 * 1024 * 1024
_OPENERS: Final[dict[Format, Opener]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": open_tiff,
    "AVIF": _open_avif,
}


@functools.cache
def _heif_opener() -> Opener:
    import pillow_heif  # noqa: PLC0415 - 30 ms and a C library that most pictures do not need

    pillow_heif.options.DECODE_THREADS = 1  # one thread: the pool decodes in parallel
    heif: Opener = pillow_heif.HeifImageFile
    return heif
