"""EXIF turns a picture; XMP does not, as in browsers."""

import io

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from inference.decode import Limits, decode
from inference.manifest import InputSpec

SPEC = InputSpec(size=64, resize=64)
XMP = (
    "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
    "<rdf:Description xmlns:tiff='http://ns.adobe.com/tiff/1.0/' tiff:Orientation=\"6\"/></rdf:RDF></x:xmpmeta>"
)
PIXELS = np.zeros((64, 64, 3), np.uint8)
PIXELS[:32] = 255


def stored(kind: str, *, exif: int | None = None) -> bytes:
    buffer, marked = io.BytesIO(), Image.Exif()
    if exif is not None:
        marked[0x0112] = exif
    if kind == "PNG":
        words = PngImagePlugin.PngInfo()
        words.add_itxt("XML:com.adobe.xmp", XMP)
        Image.fromarray(PIXELS).save(buffer, kind, pnginfo=words, exif=marked)
    else:
        Image.fromarray(PIXELS).save(buffer, kind, xmp=XMP.encode(), exif=marked)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_orientation_that_only_xmp_states_is_not_applied(kind: str) -> None:
    pixels = decode(stored(kind), SPEC, Limits())
    assert pixels[8].mean() > 240
    assert pixels[-8].mean() < 15


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_stands_beside_any_xmp(kind: str) -> None:
    pixels = decode(stored(kind, exif=3), SPEC, Limits())
    assert pixels[8].mean() < 15
    assert pixels[-8].mean() > 240
