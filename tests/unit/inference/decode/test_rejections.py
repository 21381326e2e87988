"""What is no picture, or no longer one, ends with the reason that the documentation states for it."""

import io
import re
import struct
import zipfile
from typing import Any

import numpy as np
import pillow_heif
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from inference.decode import Limits, decode, one_line
from inference.errors import REASONS, RejectedImage
from inference.manifest import InputSpec

SPEC = InputSpec(size=16, resize=18)
ALL = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF"]


def stored(kind: str, **options: Any) -> bytes:
    y, x = np.mgrid[0:40, 0:48]
    pixels = np.stack([x * 5, y * 6, (x * y) % 256], -1).astype(np.uint8)
    image, buffer = Image.fromarray(pixels), io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(buffer, **options)
    else:
        image.save(buffer, kind, **options)
    return buffer.getvalue()


def outcome(data: bytes, limits: Limits | None = None) -> NDArray[np.uint8] | str:
    try:
        return decode(data, SPEC, limits or Limits())
    except RejectedImage as rejected:
        return rejected.reason if rejected.detail.isprintable() and rejected.detail else f"not a sentence: {rejected!r}"


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("cat.jpg", stored("JPEG"))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"meow, said the cat", id="text"),
        pytest.param("\ufeffmeow".encode("utf-16"), id="text in UTF-16"),
        pytest.param(b"<!DOCTYPE html><html><body><img src='cat.jpg'></body></html>", id="HTML"),
        pytest.param(b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', id="SVG"),
        pytest.param(b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>', id="an error of S3"),
        pytest.param(b'{"cat": true}', id="JSON"),
        pytest.param(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", id="PDF"),
        pytest.param(zipped(), id="zip"),
        pytest.param(b"\x1f\x8b\x08\0\0\0\0\0\0\x03", id="gzip"),
        pytest.param(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", id="MP4"),
        pytest.param(b"\0\0\0\x14ftypqt  \0\0\x02\0qt  ", id="QuickTime"),
        pytest.param(b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01", id="Matroska"),
        pytest.param(b"RIFF\x24\0\0\0AVI LIST", id="AVI"),
        pytest.param(b"RIFF\x24\0\0\0WAVEfmt ", id="WAV"),
        pytest.param(b"\0\0\x01\xba\x44\0\x04\0", id="MPEG"),
        pytest.param(b"8BPS\0\x01\0\0\0\0\0\0", id="Photoshop"),
        pytest.param(b"\0\0\x01\0\x01\0\x10\x10", id="icon"),
        pytest.param(b"\0\0\0\x0cjP  \r\n\x87\n", id="JPEG 2000"),
        pytest.param(b"\xff\x0a\xfa\x7f", id="JPEG XL"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0", id="PostScript"),
        pytest.param(b"BMW is no bitmap, whatever it begins with", id="a text that begins as a bitmap"),
        pytest.param(b"\x7fELF\x02\x01\x01\0", id="a program"),
        pytest.param(bytes(4096), id="zeros"),
        pytest.param(b"\xfe" * 4096, id="the same byte throughout"),
        pytest.param(b" " + stored("JPEG"), id="a JPEG one byte late"),
    ],
)
def test_what_is_no_picture_is_an_unsupported_format(data: bytes) -> None:
    assert outcome(data) == "unsupported_format"


def test_no_bytes_at_all_are_undecodable() -> None:
    assert outcome(b"") == "undecodable"


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("kept", [0.02, 0.1, 0.3, 0.6, 0.9])
def test_a_picture_of_which_the_end_is_missing_is_undecodable(kind: str, kept: float) -> None:
    data = stored(kind)
    cut = data[: max(int(len(data) * kept), 16)]
    assert outcome(cut) == "undecodable"


@pytest.mark.parametrize("kind", ALL)
def test_wherever_a_picture_is_cut_it_is_whole_or_rejected(kind: str) -> None:
    """The last bytes of some formats say only that this is the end: without them the picture is still whole."""
    data = stored(kind)
    whole = outcome(data)
    seen = set()
    for length in {*range(0, len(data), 37), *range(max(len(data) - 40, 0), len(data))}:
        answer = outcome(data[:length])
        if isinstance(answer, str):
            assert answer in {"undecodable", "unsupported_format"}
            seen.add(answer)
        else:
            assert np.array_equal(answer, whole), length
    assert "undecodable" in seen


@pytest.mark.parametrize("kind", ALL)
def test_what_follows_a_picture_is_not_looked_at(kind: str) -> None:
    data = stored(kind)
    answer = outcome(data + b"\0trailing rubbish" * 30)
    assert not isinstance(answer, str)
    assert np.array_equal(answer, outcome(data))


@pytest.mark.parametrize("kind", ALL)
def test_a_picture_of_too_many_pixels_says_so_in_every_format(kind: str) -> None:
    assert outcome(stored(kind), Limits(max_pixels=48 * 40 - 1)) == "too_many_pixels"
    assert not isinstance(outcome(stored(kind), Limits(max_pixels=48 * 40)), str)


def test_a_beginning_that_belongs_to_another_format_is_undecodable() -> None:
    assert outcome(stored("PNG")[:16] + stored("JPEG")) == "undecodable"
    assert outcome(stored("JPEG")[:3] + stored("PNG")) == "undecodable"
    assert outcome(b"BM" + stored("BMP")[2:18] + stored("GIF")) == "undecodable"


def test_an_enormous_animation_is_refused_without_its_canvas() -> None:
    """libwebp lays out two canvases of an animation as soon as it is opened: 2 GB of them, here."""
    side = 16_383
    frame = stored("WEBP", lossless=True)[12:]
    anmf = bytes(6) + struct.pack("<I", 47)[:3] + struct.pack("<I", 39)[:3] + bytes(4) + frame
    body = b"VP8X" + struct.pack("<IB3x", 10, 2) + 2 * struct.pack("<I", side - 1)[:3]
    body += b"ANIM" + struct.pack("<I6x", 6) + b"ANMF" + struct.pack("<I", len(anmf)) + anmf
    assert outcome(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body) == "too_many_pixels"


def test_what_a_decoder_says_is_kept_on_one_line() -> None:
    """PostgreSQL takes no NUL, and a log has lines."""
    assert one_line("SyntaxError: a\0b\r\n  c\x1b[31m\u2028d") == "SyntaxError: a b c [31m d"
    assert len(one_line("word " * 1000)) <= 300
    data = stored("HEIF")
    with pytest.raises(RejectedImage) as rejected:
        decode(data[: len(data) // 2], SPEC, Limits())
    assert rejected.value.detail.isprintable()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "HEIF"])
def test_a_detail_says_what_is_wrong_without_the_names_of_classes(kind: str) -> None:
    whole, details = stored(kind), set()
    for damaged in (whole[: len(whole) // 2], whole[:30], whole[:20] + bytes(len(whole) - 20)):
        try:
            decode(damaged, SPEC, Limits())
        except RejectedImage as rejected:
            details.add(rejected.detail)
    assert details
    assert not [detail for detail in details if re.search(r"\w+Error|Errno|object at 0x", detail)]


HEADS = [stored(kind)[:32] for kind in ALL]


@settings(max_examples=400, deadline=None)
@given(head=st.sampled_from([b"", *HEADS]), tail=st.binary(max_size=300))
@example(head=b"BM", tail=b"\0" * 12 + b"\x28")
@example(head=b"II*\0", tail=b"\x08\0\0\0\xff\xff")
@pytest.mark.filterwarnings("ignore")  # decoders grumble about damaged files, rightly
def test_any_bytes_are_a_picture_or_a_rejection(head: bytes, tail: bytes) -> None:
    answer = outcome(head + tail)
    if isinstance(answer, str):
        assert answer in REASONS
    else:
        assert answer.shape == (16, 16, 3)
        assert answer.dtype == np.uint8
