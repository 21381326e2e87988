"""Which picture format some bytes are, read off their beginning and never off a name, and the decoder for it."""

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
}  # of OS/2 1 to Windows 5; tells BMP from a text that begins "BM"
_HEIF_BRANDS: Final = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}  # ISO/IEC 23008-12
_AVIF_BRANDS: Final = {b"avif", b"avis"}
_EXIF_ITEM: Final = re.compile(rb"(infe[\2\3].{7}(?:..)?)Exif", re.DOTALL)  # ISO/IEC 14496-12, 8.11.6: item info entry


def sniff(head: bytes) -> Format | None:  # noqa: PLR0911 - a table of signatures, one line each
    """The format that a file beginning with ``head`` (at least 64 bytes of it, if it has them) claims to be."""
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
    """HEIC and AVIF share a container; the major brand decides, or else the compatible ones that follow it."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))]
    if _AVIF_BRANDS.intersection(brands):  # first: an AVIF file may name mif1 as its major brand
        return "AVIF"
    return "HEIF" if _HEIF_BRANDS.intersection(brands) else None


def webp_size(head: bytes) -> tuple[int, int] | None:
    """
    Width and height of the canvas that a WebP file beginning with ``head`` (30 bytes) declares; None if it does not.

    Source: RFC 9649, sections 2.5 to 2.7. Needed since Pillow's decoder allocates the canvas as soon as it is made.
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
    Pillow's class for ``kind``: reads the header, leaves the pixels alone.

    Taken directly, not through ``Image.open``: that one tries further formats, treats a JPEG with a second picture as
    a slide show, and applies a pixel limit that is one global variable for the whole process.
    """
    return _heif_opener() if kind == "HEIF" else _OPENERS[kind]


def _open_avif(file: IO[bytes]) -> ImageFile.ImageFile:
    """
    Pillow's class, but a corrupt EXIF block, for which libavif refuses the whole picture, is hidden by giving it a
    type that nobody knows. How the picture is turned stands elsewhere in an AVIF file (irot, imir).
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


# Parallelism is the pool's: dav1d's threads would take a core each for one picture, and their stacks its memory.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
# An editor's history in a PNG's XMP can pass Pillow's 1 MB, and is no reason to reject the picture. Bombs still are.
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

    pillow_heif.options.DECODE_THREADS = 1  # parallelism is the pool's; threads would escape its limits
    heif: Opener = pillow_heif.HeifImageFile
    return heif
