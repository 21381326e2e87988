"""What a browser may be given as a picture."""

import io

import pytest
from PIL import Image

from streams.board.media_types import media_type


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("GIF", "image/gif"),
        ("WEBP", "image/webp"),
        ("AVIF", "image/avif"),
    ],
)
def test_pictures_that_browsers_show_are_recognised_by_their_bytes(kind: str, expected: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, kind)
    assert media_type(buffer.getvalue()[:32]) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<!doctype html><script>alert(1)</script>",
        b"RIFF\x00\x00\x00\x00WAVEfmt ",
        b"\x00\x00\x00\x18ftypmp42",
        b"\x00\x00\x00\x18ftypheic",
        b"II*\x00",
        b"GIF90a",
        b"%PDF-1.7",
    ],
)
def test_anything_else_is_none(data: bytes) -> None:
    assert media_type(data) is None
