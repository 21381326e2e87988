"""A WebP's canvas is allocated by its decoder as soon as that is made: what is too large must be told before."""

from collections.abc import Callable

import pytest

from inference.decode import Limits, decode
from inference.decode.formats import webp_size
from inference.errors import RejectedImage
from inference.manifest import InputSpec
from tests.inference_fixtures import animated

MEBIBYTE = 1024 * 1024


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0"}], ids=["VP8", "VP8L", "VP8X"])
def test_the_size_is_read_off_each_kind_of_file(drawn: Callable[..., bytes], options: dict[str, object]) -> None:
    assert webp_size(drawn("WEBP", (123, 77), **options)) == (123, 77)


@pytest.mark.parametrize("data", [b"", b"RIFF1234WEBPVP8 ", b"RIFF1234WEBPABCD" + bytes(20)])
def test_what_declares_no_size_has_none(data: bytes) -> None:
    assert webp_size(data) is None


@pytest.mark.parametrize(
    ("size", "limits", "said"),
    [
        ((4000, 3000), Limits(max_pixels=11_999_999), "4000x3000 pixels, at most 11999999 are taken"),
        ((9000, 9000), Limits(max_memory_bytes=512 * MEBIBYTE), "9000x9000 pixels of WebP take 1296000000 bytes"),
        ((16383, 16383), Limits(), "16383x16383 pixels, at most"),
    ],
)
def test_a_canvas_beyond_the_limits_is_rejected_before_its_decoder_is_made(
    spec: InputSpec, size: tuple[int, int], limits: Limits, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(*_: object) -> None:
        pytest.fail("the decoder was made")

    monkeypatch.setattr("PIL.WebPImagePlugin._webp.WebPAnimDecoder", made)
    with pytest.raises(RejectedImage, match=said) as rejection:
        decode(animated(*size), spec, limits)
    assert rejection.value.reason == "too_many_pixels"
