"""Any colour mode a decoder can deliver → 8-bit sRGB. Works on the small square wherever the order does not matter."""

import io
from collections.abc import Callable
from typing import Final

import numpy as np
from PIL import Image, ImageCms

WHITE: Final = (255, 255, 255)
_DEEP: Final = {"I;16", "I;16L", "I;16B", "I;16N", "I", "F"}

Resample = Callable[[Image.Image], Image.Image]


def to_rgb(image: Image.Image, resample: Resample) -> Image.Image:
    """
    The picture, resampled, in mode RGB.

    Palettes and bilevel pictures are converted first (an index cannot be interpolated), everything else after
    resampling, when few pixels are left. Transparency is laid over white: transparent pictures are mostly cut-outs
    made for white pages, and what lies under the transparency is not meant to be seen, often black.

    Args:
        image: loaded, in any of Pillow's modes.
        resample: makes the small picture out of a large one of the same mode.
    """
    if image.mode in _DEEP:
        image = _eight_bits(image)
    if image.mode in {"P", "PA"}:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif image.mode in {"1", "La", "RGBa", "YCbCr", "HSV"}:
        image = image.convert({"1": "L", "La": "LA", "RGBa": "RGBA"}.get(image.mode, "RGB"))
    elif image.has_transparency_data and image.mode in {"L", "RGB"}:  # PNG: one colour stands for transparent
        image = image.convert("RGBA")
    profile = image.info.get("icc_profile")
    small = resample(image)
    if small.mode in {"CMYK", "LAB"}:
        return _through_profile(small, profile)
    if small.mode in {"RGBA", "LA"}:
        page = Image.new("RGBA", small.size, (*WHITE, 255))
        page.alpha_composite(small.convert("RGBA"))
        small = page
    return small if small.mode == "RGB" else small.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """
    Integers and floats of more than 8 bits as mode L.

    16-bit integers are taken at their full range. 32-bit ones have no range that a file would state: they are taken
    as 8-bit if they fit, as 16-bit if they fit that, otherwise from zero to their maximum. Floats are taken as 0..1 if
    they fit, otherwise from their minimum to their maximum; what is not a number is black.
    """
    pixels = np.asarray(image)
    if pixels.dtype.itemsize == 2:  # noqa: PLR2004 - bytes of a 16-bit integer
        return Image.fromarray((pixels >> 8).astype(np.uint8))
    values = np.nan_to_num(pixels.astype(np.float32), copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if image.mode == "F":
        low, high = (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
    else:
        low, high = 0.0, next((float(top) for top in (255, 65535) if high <= top), high)
    values -= low
    values *= 255.0 / max(high - low, 1e-12)
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def _through_profile(image: Image.Image, profile: bytes | None) -> Image.Image:
    """CMYK and Lab by their ICC profile, if there is one and it is sound; otherwise by the usual formula."""
    try:
        if profile is not None:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        elif image.mode == "LAB":
            source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        else:
            return image.convert("RGB")
        target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        converted = None
    return converted or image.convert("RGB")
