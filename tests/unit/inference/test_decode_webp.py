"""A WebP's canvas is allocated by its decoder as soon as that is made: what is too large must be told before."""

import io
from collections.abc import Callable

import pytest
from PIL import Image

from inference.decode import Limits, decode
from inference.decode_pool import DecodePool
from inference.errors import RejectedImage
from inference.formats import webp_size
from inference.manifest import InputSpec

MEBIBYTE = 1024 * 1024


def animated(width: int, height: int) -> bytes:
    """Two small frames on a canvas that is declared to be of that size: 200 bytes."""
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:], duration=50)
    data = bytearray(buffer.getvalue())
    at = data.index(b"VP8X") + 12
    data[at : at + 6] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(data)


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


async def test_a_process_with_less_memory_rejects_what_would_not_fit_and_goes_on(
    spec: InputSpec, drawn: Callable[..., bytes]
) -> None:
    async with DecodePool(1, spec, Limits(), memory_bytes=512 * MEBIBYTE) as pool:
        with pytest.raises(RejectedImage) as rejection:
            await pool.decode(animated(9000, 9000))
        assert rejection.value.reason == "too_many_pixels"
        assert (await pool.decode(animated(4000, 3000))).shape == (64, 64, 3)
        assert (await pool.decode(drawn("WEBP"))).shape == (64, 64, 3)
        assert pool.replaced == 0


async def test_children_see_what_they_are_given_of_the_environment_and_no_more(
    spec: InputSpec, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    folder = tmp_path_factory.mktemp("decoders")
    (folder / "telling_decoders.py").write_text(
        "import os\nfrom inference.errors import RejectedImage\n"
        "def decode(data, spec, limits):\n"
        "    raise RejectedImage('undecodable', ' '.join([*os.environ, os.environ['CUDA_VISIBLE_DEVICES']]))\n"
    )
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    monkeypatch.setenv("DATABASE_PASSWORD", "secret")
    given = {"CUDA_VISIBLE_DEVICES": "3"}
    async with DecodePool(1, spec, Limits(), decoder="telling_decoders:decode", environment=given) as pool:
        with pytest.raises(RejectedImage) as rejection:
            await pool.decode(b"x")
    assert {"CUDA_VISIBLE_DEVICES", "PYTHONPATH", "3"} <= set(rejection.value.detail.split())
    assert "DATABASE_PASSWORD" not in rejection.value.detail
