"""The device decoder on torch's device "cpu", which runs all of it but nvJPEG."""

import io
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from inference.decode import Limits, decode
from inference.decode_device import DeviceDecoder, plain
from inference.decode_pool import DecodePool
from inference.errors import RejectedImage
from inference.manifest import InputSpec
from tests.unit.inference.conftest import quadrants

LIMITS = Limits()
Draw = Callable[..., bytes]


@pytest.fixture(scope="module")
def on_device() -> DeviceDecoder:
    return DeviceDecoder("cpu")


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    quadrants((320, 240)).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def difference(one: Any, other: Any) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_plain_jpeg_comes_out_upright_as_it_does_the_usual_way(
    on_device: DeviceDecoder, spec: InputSpec, orientation: int
) -> None:
    data = turned(orientation)
    assert plain(data, spec, LIMITS) == orientation
    pixels = on_device(data, spec, LIMITS)
    assert (pixels.shape, pixels.dtype) == ((64, 64, 3), np.dtype(np.uint8))
    assert pixels.flags.c_contiguous
    assert difference(pixels, decode(data, spec, LIMITS)) < 3


@pytest.mark.parametrize("size", [(68, 68), (68, 700), (701, 69), (133, 157), (1200, 900)])
def test_any_size_gives_the_square(
    on_device: DeviceDecoder, drawn: Draw, spec: InputSpec, size: tuple[int, int]
) -> None:
    data = drawn(size=size)
    assert plain(data, spec, LIMITS) is not None
    assert difference(on_device(data, spec, LIMITS), decode(data, spec, LIMITS)) < 5


def test_grey_comes_out_as_three_equal_channels(on_device: DeviceDecoder, drawn: Draw, spec: InputSpec) -> None:
    data = drawn(mode="L")
    assert plain(data, spec, LIMITS) is not None
    pixels = on_device(data, spec, LIMITS)
    assert np.array_equal(pixels[..., 0], pixels[..., 1])
    assert difference(pixels, decode(data, spec, LIMITS)) < 3


def unusual(drawn: Draw) -> dict[str, bytes]:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    jpeg = drawn()
    return {
        "png": drawn("PNG"),
        "webp": drawn("WEBP"),
        "cmyk": drawn(mode="CMYK"),
        "with a profile": drawn(icc_profile=profile),
        "rgb without ycbcr": drawn(keep_rgb=True),
        "cut off": jpeg[:-40],
        "smaller than the square": drawn(size=(67, 300)),
        "more behind it": jpeg + b"more",
        "a header and no more": jpeg[:20] + b"\xff\xd9",
        "nothing": b"",
        "no picture": b"<html>",
    }


@pytest.mark.parametrize(
    "name",
    [
        "png",
        "webp",
        "cmyk",
        "with a profile",
        "rgb without ycbcr",
        "cut off",
        "smaller than the square",
        "more behind it",
        "a header and no more",
        "nothing",
        "no picture",
    ],
)
def test_what_is_not_plain_never_reaches_the_device_and_ends_the_usual_way(
    on_device: DeviceDecoder, drawn: Draw, spec: InputSpec, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reached(*_: object, **__: object) -> None:
        pytest.fail("the device was asked")

    monkeypatch.setattr("inference.decode_device.decode_jpeg", reached)
    data = unusual(drawn)[name]
    assert plain(data, spec, LIMITS) is None
    answers = []
    for way in (on_device, decode):
        try:
            answers.append(way(data, spec, LIMITS).tobytes())
        except RejectedImage as rejected:
            answers.append(str(rejected).encode())
    assert answers[0] == answers[1]


@pytest.mark.parametrize("limits", [Limits(max_pixels=320 * 240 - 1), Limits(max_bytes=100)])
def test_limits_hold_before_the_device_allocates(
    on_device: DeviceDecoder, drawn: Draw, spec: InputSpec, limits: Limits
) -> None:
    assert plain(drawn(), spec, limits) is None
    with pytest.raises(RejectedImage, match="too_many"):
        on_device(drawn(), spec, limits)


@pytest.mark.parametrize(
    "error", [RuntimeError("nvjpegDecode failed: 5"), torch.OutOfMemoryError("CUDA out of memory")], ids=str
)
def test_what_the_device_fails_on_the_usual_way_decides(
    on_device: DeviceDecoder, drawn: Draw, spec: InputSpec, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("inference.decode_device.decode_jpeg", failing)
    data = drawn()
    assert np.array_equal(on_device(data, spec, LIMITS), decode(data, spec, LIMITS))


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Makes a decoder of some code that decoding processes can import."""

    def write(code: str) -> str:
        (tmp_path / "device_decoders.py").write_text(textwrap.dedent(code))
        monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
        return "device_decoders:decode"

    return write


async def test_it_runs_in_the_decoding_processes(
    importable: Callable[[str], str], drawn: Draw, spec: InputSpec
) -> None:
    decoder = importable("from inference.decode_device import DeviceDecoder\ndecode = DeviceDecoder('cpu')")
    async with DecodePool(1, spec, LIMITS, decoder=decoder) as pool:
        pixels = await pool.decode(turned(6))
        with pytest.raises(RejectedImage, match="undecodable"):
            await pool.decode(drawn()[:-40])
    assert difference(pixels, decode(turned(6), spec, LIMITS)) < 3


async def test_a_device_that_is_lost_ends_its_process_and_a_fresh_one_goes_on(
    importable: Callable[[str], str], tmp_path: Path, drawn: Draw, spec: InputSpec
) -> None:
    decoder = importable(f"""
        import pathlib, torch
        from inference import decode_device
        decode, lost, well = decode_device.DeviceDecoder("cpu"), pathlib.Path({str(tmp_path / "lost")!r}), [1]
        good = decode_device.decode_jpeg
        def decode_jpeg(*arguments, **options):
            if well:  # one good picture, then the device is lost to the process that decoded it
                well.clear()
                return good(*arguments, **options)
            if not lost.exists():
                lost.touch()
                raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
            return good(*arguments, **options)
        decode_device.decode_jpeg = decode_jpeg
    """)
    async with DecodePool(1, spec, LIMITS, decoder=decoder) as pool:
        for _ in range(3):
            assert (await pool.decode(drawn())).shape == (64, 64, 3)
        assert pool.replaced == 1
