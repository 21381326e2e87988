"""Converts any colour mode of a decoder to 8-bit sRGB; after resampling where possible, since fewer pixels are left."""

import functools
import io
import itertools
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

WHITE: Final = 255
_DEEP: Final = {"I;16", "I;16L", "I;16B", "I;16N", "I", "F"}
_WITH_PROFILE: Final = {"RGB", "L", "CMYK", "LAB"}  # modes that an ICC profile can describe
_MAX_PROFILE_BYTES: Final = 4 * 1024 * 1024  # the press profiles in use stay below 3 MB
_DISPLAY_GAMMA, _GAMMA_THRESHOLD = 2.2, 0.05  # libpng's threshold: smaller differences are invisible
_LEAST_GAMMA, _MOST_GAMMA = 0.1, 5.0
_SRGB_LINEAR: Final = 0.0031308  # IEC 61966-2-1: darker light is stored in proportion
_INVISIBLE: Final = 2  # of 255: a profile that moves colours by at most this counts as sRGB
_PROBES: Final = np.array([*itertools.product(range(0, 256, 51), repeat=3)], np.uint8)[np.newaxis]

Resample = Callable[[Image.Image], Image.Image]


def to_rgb(image: Image.Image, resample: Resample) -> Image.Image:
    """
    The resampled picture in mode RGB, converted by its ICC profile.

    Palettes and bilevel pictures are converted before resampling, since an index cannot be interpolated; other modes
    after it. Transparent pictures are composed over white: most are cut-outs for white pages, and the colour under the
    transparency is often black.

    A broken profile, or one for another colour space, is ignored, as browsers do.

    Args:
        image: loaded, in any of Pillow's modes.
        resample: makes the small picture out of a large one of the same mode.
    """
    profile, gamma = image.info.get("icc_profile"), _gamma(image)
    if image.mode in _DEEP:
        image = Image.fromarray(eight_bits(np.asarray(image)))
    if image.mode in {"P", "PA"}:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif image.mode in {"1", "La", "RGBa", "YCbCr", "HSV"}:
        image = image.convert({"1": "L", "La": "LA", "RGBa": "RGBA"}.get(image.mode, "RGB"))
    elif image.has_transparency_data and image.mode in {"L", "RGB"}:  # PNG: one colour stands for transparent
        image = image.convert("LA" if image.mode == "L" else "RGBA")
    square = in_srgb(_over_white(resample(image)), profile)
    return square if gamma is None else square.point(_from_gamma(gamma))


def _gamma(image: Image.Image) -> float | None:
    """
    The exponent of a PNG's gAMA chunk, if browsers apply it: not beside iCCP or sRGB, and not if it is that of sRGB
    (libpng's threshold). Values that would leave an almost invisible picture count as damaged.
    Source: PNG (third edition), 11.3.2 and 12.1; Chromium 156, tried.
    """
    gamma = image.info.get("gamma")
    if (
        not isinstance(gamma, float)
        or not _LEAST_GAMMA <= gamma <= _MOST_GAMMA
        or image.info.keys() & {"icc_profile", "srgb"}
    ):
        return None
    return gamma if abs(gamma * _DISPLAY_GAMMA - 1) > _GAMMA_THRESHOLD else None


@functools.lru_cache(maxsize=8)
def _from_gamma(gamma: float) -> list[int]:
    """A lookup table for ``Image.point``, three times 256 entries: samples encoded with ``gamma`` to sRGB."""
    light = np.linspace(0.0, 1.0, 256) ** (1.0 / gamma)
    srgb = np.where(light <= _SRGB_LINEAR, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return [*np.rint(srgb * WHITE).astype(int).tolist()] * 3


def _over_white(image: Image.Image) -> Image.Image:
    if image.mode not in {"RGBA", "LA"}:
        return image
    opaque = image.convert("RGB" if image.mode == "RGBA" else "L")
    white = WHITE if opaque.mode == "L" else (WHITE, WHITE, WHITE)
    return Image.composite(opaque, Image.new(opaque.mode, image.size, white), image.getchannel("A"))


def eight_bits(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """
    Integers and floats of more than 8 bits, scaled to 8.

    16-bit integers use their full range. Files do not state the range of 32-bit ones: they are scaled as 8-bit if they
    fit, as 16-bit if they fit, otherwise from zero to their maximum. Floats are scaled from 0..1 if they fit, otherwise
    from their minimum to their maximum. NaN and infinities become black.
    """
    if pixels.dtype.itemsize == 1:
        return pixels.astype(np.uint8, copy=False)
    if pixels.dtype.itemsize == 2:  # noqa: PLR2004 - bytes of a 16-bit integer
        return (pixels >> 8).astype(np.uint8)
    values = np.nan_to_num(pixels.astype(np.float32), copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if pixels.dtype.kind == "f":
        low, high = (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
    else:
        low, high = 0.0, next((float(top) for top in (255, 65535) if high <= top), high)
    values -= low
    values *= 255.0 / max(high - low, 1e-12)
    return np.clip(values, 0, 255).astype(np.uint8)


def in_srgb(image: Image.Image, profile: object) -> Image.Image:
    """Converted by the profile if it is usable, else by Pillow's standard formula."""
    if image.mode == "LAB" and profile is None:
        profile = b""
    if image.mode in _WITH_PROFILE and isinstance(profile, bytes) and len(profile) <= _MAX_PROFILE_BYTES:
        transform = _to_srgb(image.mode, profile)
        if transform is not None:
            return transform.apply(image)
    return image if image.mode == "RGB" else image.convert("RGB")


@functools.lru_cache(maxsize=8)  # most pictures share the few profiles of the phones that took them
def _to_srgb(mode: str, profile: bytes) -> ImageCms.ImageCmsTransform | None:
    """The transform from ``profile`` to sRGB; None if the profile is unusable or already sRGB. Empty means CIE Lab."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile)) if profile else ImageCms.createProfile("LAB")
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    if mode == "RGB":
        moved = np.asarray(transform.apply(Image.fromarray(_PROBES))).astype(np.int16) - _PROBES
        if np.abs(moved).max() <= _INVISIBLE:
            return None
    return transform
