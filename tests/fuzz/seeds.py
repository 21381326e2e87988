"""Small valid pictures of every format, each the start of many damaged ones. Drawn here, so that no file is carried."""

import functools
import io
import struct
from typing import Any, Final

import numpy as np
import pillow_heif
from PIL import Image, ImageCms

from inference.decode.formats import Format

WIDTH: Final = 48
HEIGHT: Final = 40


@functools.cache
def seeds(kind: Format) -> tuple[bytes, ...]:
    """Valid files of ``kind``, 48x40 pixels, between them with every feature that the decoder looks at."""
    written = tuple(_written(kind, mode, options) for mode, options in _VARIANTS[kind])
    return (*written, *map(_inverted, written[6:8])) if kind == "TIFF" else written


def picture(mode: str = "RGB") -> Image.Image:
    """A gradient with a disc in it and transparent corners: small, but with something for every coefficient to say."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    disc = (x - 24) ** 2 + (y - 20) ** 2 < 180
    channels = [x * 5, y * 6, np.where(disc, 230, 40), np.where((x < 6) & (y < 6), 0, 255)]
    image = Image.fromarray(np.stack(channels, -1).astype(np.uint8))
    if mode == "I;16":
        return Image.fromarray((np.asarray(image.convert("L")).astype(np.uint16)) * 257)
    if mode == "F":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.float32) / 255)
    return image if mode == "RGBA" else image.convert("RGB").convert(mode) if mode != "LA" else image.convert("LA")


def _written(kind: Format, mode: str, options: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    image = picture(mode)
    if options.get("save_all"):
        options = options | {"append_images": [image.transpose(Image.Transpose.ROTATE_180), image]}
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(buffer, **options)
    else:
        image.save(buffer, kind, **options)
    return buffer.getvalue()


def _inverted(tiff: bytes) -> bytes:
    """A TIFF of which zero is white: one of those that are read sample by sample."""
    grey, inverted = (struct.pack("<HHII", 262, 3, 1, photometric) for photometric in (1, 0))
    assert grey in tiff
    return tiff.replace(grey, inverted)


def _turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "camera"
    return exif.tobytes()


_PROFILE: Final = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
_TAGGED: Final = {"exif": _turned(), "icc_profile": _PROFILE}
_PLAIN: Final[dict[str, Any]] = {}
_VARIANTS: Final[dict[Format, list[tuple[str, dict[str, Any]]]]] = {
    "JPEG": [
        ("RGB", _PLAIN),
        ("RGB", {"progressive": True, "quality": 60}),
        ("L", _PLAIN),
        ("CMYK", _PLAIN),
        ("RGB", _TAGGED),
        ("RGB", {"restart_marker_blocks": 2, "subsampling": 0, "comment": "drawn"}),
    ],
    "PNG": [
        ("RGB", _PLAIN),
        ("RGBA", _PLAIN),
        ("P", {"transparency": 3}),
        ("1", _PLAIN),
        ("I;16", _PLAIN),
        ("LA", _PLAIN),
        ("RGB", _TAGGED),
        ("RGBA", {"save_all": True, "duration": 40}),
    ],
    "WEBP": [
        ("RGB", _PLAIN),
        ("RGBA", {"lossless": True}),
        ("RGBA", _PLAIN),
        ("RGB", _TAGGED),
        ("RGBA", {"save_all": True, "duration": 40}),
    ],
    "GIF": [
        ("P", _PLAIN),
        ("P", {"transparency": 3, "interlace": 1}),
        ("L", {"interlace": 0}),
        ("P", {"save_all": True, "duration": 40, "comment": b"drawn"}),
    ],
    "BMP": [("RGB", _PLAIN), ("P", _PLAIN), ("1", _PLAIN), ("L", _PLAIN), ("RGBA", _PLAIN)],
    "TIFF": [
        ("RGB", _PLAIN),
        ("RGB", {"compression": "tiff_lzw"}),
        ("RGB", {"compression": "jpeg"}),
        ("RGBA", {"compression": "tiff_adobe_deflate"}),
        ("1", {"compression": "group4"}),
        ("CMYK", _PLAIN),
        ("I;16", _PLAIN),
        ("F", {"compression": "packbits"}),
        ("P", _PLAIN),
        ("YCbCr", _PLAIN),
        ("RGB", _TAGGED | {"big_tiff": True}),
        ("L", {"save_all": True, "compression": "zstd"}),
    ],
    "HEIF": [("RGB", {"quality": 50}), ("RGBA", {"quality": 50}), ("L", {"quality": 50}), ("RGB", _TAGGED)],
    "AVIF": [("RGB", _PLAIN), ("RGBA", _PLAIN), ("RGB", _TAGGED), ("RGB", {"save_all": True, "duration": 40})],
}
