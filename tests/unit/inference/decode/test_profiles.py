"""
ICC profiles, against arithmetic of the tests' own: what the numbers in a file mean to an eye must survive decoding.

The profiles are written here, from the primaries and transfer curves of their standards,
laid out as ICC.1:2001-04 says.
"""

import io
import itertools
import struct
from typing import Any

import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from inference.decode import Limits, decode
from inference.decode.colour import _to_srgb
from inference.manifest import InputSpec

SPEC = InputSpec(size=8, resize=8)
Floats = NDArray[np.float64]

# Columns: the red, green and blue primary, in XYZ under the profile connection space's D50 (sums of their columns).
SRGB = np.array([[0.4361, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7142]])
DISPLAY_P3 = np.array([[0.5151, 0.2920, 0.1571], [0.2412, 0.6922, 0.0666], [-0.0011, 0.0419, 0.7841]])
ADOBE_RGB = np.array([[0.6097, 0.2053, 0.1492], [0.3111, 0.6257, 0.0632], [0.0195, 0.0609, 0.7446]])
D50 = (0.9642, 1.0, 0.8249)
ADOBE_GAMMA = 563 / 256


def srgb_to_linear(values: Floats) -> Floats:
    """IEC 61966-2-1; Display P3 has the same curve."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def adobe_to_linear(values: Floats) -> Floats:
    return values**ADOBE_GAMMA


def linear_to_srgb(values: Floats) -> Floats:
    values = np.clip(values, 0, 1)
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)


SPACES = {
    "Display P3": (DISPLAY_P3, srgb_to_linear),
    "Adobe RGB": (ADOBE_RGB, adobe_to_linear),
}


def profile(primaries: Floats, to_linear: Any) -> bytes:
    """A display profile of three primaries and one curve for all of them."""

    def fixed(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    samples = np.round(to_linear(np.linspace(0, 1, 1024)) * 65535).astype(">u2")
    curve = b"curv" + bytes(4) + struct.pack(">I", len(samples)) + samples.tobytes()
    text = b"made by a test\0"
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(79),
        b"cprt": b"text" + bytes(4) + text,
        b"wtpt": b"XYZ " + bytes(4) + fixed(*D50),
        **{name: b"XYZ " + bytes(4) + fixed(*primaries[:, i]) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    return _laid_out(b"RGB ", tags)


def grey_profile(gamma: float) -> bytes:
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    text = b"made by a test\0"
    return _laid_out(
        b"GRAY",
        {
            b"desc": b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(79),
            b"wtpt": b"XYZ " + bytes(4) + b"".join(struct.pack(">i", round(value * 65536)) for value in D50),
            b"kTRC": curve,
        },
    )


def _laid_out(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    table, body, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    white = b"".join(struct.pack(">i", round(value * 65536)) for value in D50)
    header = struct.pack(">I4sI4s4s4s", start + len(body), bytes(4), 0x02400000, b"mntr", space, b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + white
    return header.ljust(128, b"\0") + table + body


def as_seen(colour: tuple[int, ...], space: str) -> Floats:
    """What sRGB numbers show the colour that these numbers mean in ``space``, 0..255; out of gamut is clipped."""
    primaries, to_linear = SPACES[space]
    linear = primaries @ to_linear(np.array(colour) / 255)
    return np.asarray(linear_to_srgb(np.linalg.inv(SRGB) @ linear) * 255)


def stored(colour: Any, kind: str, mode: str = "RGB", **options: Any) -> bytes:
    image, buffer = Image.new(mode, (8, 8), colour), io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(buffer, quality=100, chroma=444, **options)
    else:
        best: dict[str, Any] = {
            "JPEG": {"quality": 100, "subsampling": 0},
            "WEBP": {"lossless": True},
            "AVIF": {"quality": 100, "subsampling": "4:4:4"},
        }
        image.save(buffer, kind, **best.get(kind, {}), **options)
    return buffer.getvalue()


def colour_of(data: bytes) -> Floats:
    return np.asarray(decode(data, SPEC, Limits()).reshape(-1, 3).mean(0))


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_colours_come_out_as_an_eye_would_see_them(kind: str, space: str) -> None:
    """To within 3 of 255 without loss, and 8 with; ignored, the profile would cost up to 60."""
    tag = profile(*SPACES[space])
    for colour in itertools.product((60, 128, 200), repeat=3):
        expected = as_seen(colour, space)
        difference = np.abs(colour_of(stored(colour, kind, icc_profile=tag)) - expected).max()
        assert difference <= (3 if kind in {"PNG", "WEBP", "TIFF"} else 8), (colour, expected)


def test_the_profile_makes_a_difference_worth_testing() -> None:
    assert np.abs(as_seen((60, 200, 60), "Adobe RGB") - (60, 200, 60)).max() > 30


def test_transparency_stays_white_under_a_profile() -> None:
    tag = profile(*SPACES["Adobe RGB"])
    assert colour_of(stored((10, 200, 10, 0), "PNG", "RGBA", icc_profile=tag)).min() == 255


def test_the_colours_of_a_palette_go_through_the_profile() -> None:
    image, buffer = Image.new("P", (8, 8), 0), io.BytesIO()
    image.putpalette([60, 200, 60])
    image.save(buffer, "PNG", icc_profile=profile(*SPACES["Adobe RGB"]))
    assert np.abs(colour_of(buffer.getvalue()) - as_seen((60, 200, 60), "Adobe RGB")).max() <= 3


@pytest.mark.parametrize("gamma", [1.0, 1.8])
def test_grey_goes_through_a_profile_of_greys(gamma: float) -> None:
    expected = linear_to_srgb(np.array((100 / 255) ** gamma)) * 255
    assert np.abs(colour_of(stored(100, "PNG", "L", icc_profile=grey_profile(gamma))) - expected).max() <= 3
    deep, buffer = Image.fromarray(np.full((8, 8), 100 * 257, np.uint16)), io.BytesIO()
    deep.save(buffer, "PNG", icc_profile=grey_profile(gamma))
    assert np.abs(colour_of(buffer.getvalue()) - expected).max() <= 3


def test_srgb_by_any_name_leaves_the_pixels_alone() -> None:
    tags = [profile(SRGB, srgb_to_linear), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()]
    for tag, colour in itertools.product(tags, [(60, 200, 60), (1, 2, 3), (255, 0, 128)]):
        assert tuple(colour_of(stored(colour, "PNG", icc_profile=tag))) == colour
        assert _to_srgb("RGB", tag) is None


SOUND = profile(*SPACES["Adobe RGB"])


@pytest.mark.parametrize(
    "tag",
    [
        b"\0",
        b"no profile at all" * 20,
        SOUND[:64],
        SOUND[:300],
        SOUND[:128] + b"\xff" * (len(SOUND) - 128),
        SOUND[:16] + b"CMYK" + SOUND[20:],
        grey_profile(1.8),
        SOUND[:128] + struct.pack(">I", 0x7FFFFFFF) + SOUND[132:],
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_a_profile_that_is_broken_or_of_another_kind_counts_as_none(kind: str, tag: bytes) -> None:
    tolerance = 0 if kind in {"PNG", "WEBP", "TIFF"} else 4
    assert np.abs(colour_of(stored((60, 200, 60), kind, icc_profile=tag)) - (60, 200, 60)).max() <= tolerance


def test_a_profile_larger_than_any_in_use_is_not_read() -> None:
    tag = SOUND + bytes(5 * 1024 * 1024)
    assert tuple(colour_of(stored((60, 200, 60), "TIFF", icc_profile=tag))) == (60, 200, 60)


def test_profiles_are_remembered_but_not_without_end() -> None:
    _to_srgb.cache_clear()
    data = stored((60, 200, 60), "PNG", icc_profile=SOUND)
    for _ in range(3):
        colour_of(data)
    assert _to_srgb.cache_info().hits == 2
    for number in range(20):
        colour_of(stored((1, 2, 3), "PNG", icc_profile=grey_profile(1 + number / 10)))
    assert _to_srgb.cache_info().currsize <= 8
