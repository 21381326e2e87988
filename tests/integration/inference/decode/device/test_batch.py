"""The device decoder on torch's device "cpu", which runs all of it but nvJPEG."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torchvision.io
from numpy.typing import NDArray
from PIL import Image, ImageCms

from inference.decode import Limits, decode
from inference.decode.device import batch as decode_device
from inference.decode.device.batch import DeviceDecoder, plain
from inference.manifest import InputSpec
from tests.inference_fixtures import quadrants

LIMITS = Limits()
LARGEST = 8
Draw = Callable[..., bytes]


@pytest.fixture(scope="module")
def on_device() -> DeviceDecoder:
    return DeviceDecoder(InputSpec(size=64, resize=68), LIMITS, LARGEST, device="cpu")


def seated(*pictures: bytes) -> list[memoryview]:
    """As they lie in the memory that both processes share: writable."""
    return [memoryview(bytearray(picture)) for picture in pictures]


def taken(decoder: DeviceDecoder, picture: bytes) -> NDArray[np.uint8]:
    [pixels] = decoder(seated(picture))
    assert pixels is not None
    return pixels


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
    assert plain(data, spec, LIMITS) == (320 * 240, orientation)
    pixels = taken(on_device, data)
    assert (pixels.shape, pixels.dtype) == ((64, 64, 3), np.dtype(np.uint8))
    assert pixels.flags.c_contiguous
    assert difference(pixels, decode(data, spec, LIMITS)) < 3


@pytest.mark.parametrize("size", [(68, 68), (68, 700), (701, 69), (133, 157), (1200, 900)])
def test_any_size_gives_the_square(
    on_device: DeviceDecoder, drawn: Draw, spec: InputSpec, size: tuple[int, int]
) -> None:
    data = drawn(size=size)
    assert difference(taken(on_device, data), decode(data, spec, LIMITS)) < 5


def test_grey_comes_out_as_three_equal_channels(on_device: DeviceDecoder, drawn: Draw, spec: InputSpec) -> None:
    data = drawn(mode="L")
    pixels = taken(on_device, data)
    assert np.array_equal(pixels[..., 0], pixels[..., 1])
    assert difference(pixels, decode(data, spec, LIMITS)) < 3


def test_each_picture_of_a_batch_gets_its_own_pixels_in_its_own_place(
    on_device: DeviceDecoder, drawn: Draw, spec: InputSpec
) -> None:
    batch = [turned(1), drawn("PNG"), drawn(size=(700, 90)), turned(6), b"", drawn(size=(90, 700)), turned(3)]
    answers = on_device(seated(*batch))
    again = on_device(seated(*reversed(batch)))
    assert [answer is None for answer in answers] == [False, True, False, False, True, False, False]
    for picture, answer, other in zip(batch, answers, reversed(again), strict=True):
        if answer is not None:
            assert difference(answer, decode(picture, spec, LIMITS)) < 5
            assert other is not None
            assert np.array_equal(answer, other)


def test_answers_stay_as_they_are_when_the_next_batch_comes(on_device: DeviceDecoder) -> None:
    first = taken(on_device, turned(1))
    kept = first.copy()
    taken(on_device, turned(3))
    assert np.array_equal(first, kept)


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
def test_what_is_not_plain_never_reaches_the_device(
    on_device: DeviceDecoder, drawn: Draw, spec: InputSpec, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reached(*_: object, **__: object) -> None:
        pytest.fail("the device was asked")

    monkeypatch.setattr("inference.decode.device.batch.decode_jpeg", reached)
    data = unusual(drawn)[name]
    assert plain(data, spec, LIMITS) is None
    assert on_device(seated(data)) == [None]


@pytest.mark.parametrize("limits", [Limits(max_pixels=320 * 240 - 1), Limits(max_bytes=100)])
def test_limits_hold_before_the_device_allocates(drawn: Draw, spec: InputSpec, limits: Limits) -> None:
    assert plain(drawn(), spec, LIMITS) is not None
    assert plain(drawn(), spec, limits) is None


def test_no_more_pixels_are_on_the_device_together_than_it_is_to_hold(
    on_device: DeviceDecoder, drawn: Draw, spec: InputSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, good = [], torchvision.io.decode_jpeg

    def counted(pictures: list[torch.Tensor], **options: Any) -> Any:
        calls.append(len(pictures))
        return good(pictures, **options)

    monkeypatch.setattr(decode_device, "decode_jpeg", counted)
    monkeypatch.setattr(decode_device, "_PIXELS_AT_ONCE", 2 * 320 * 240)
    pictures = [drawn(size=(320, 240))] * 5
    answers = on_device(seated(*pictures))
    assert calls == [2, 2, 1]
    assert [None if answer is None else answer.tobytes() for answer in answers] == [answers[0].tobytes()] * 5  # type: ignore[union-attr]
    assert plain(drawn(size=(640, 241)), spec, LIMITS) is None, "larger than that by itself"


@pytest.mark.parametrize(
    "error", [RuntimeError("nvjpegDecode failed: 5"), torch.OutOfMemoryError("CUDA out of memory")], ids=str
)
def test_a_picture_that_the_device_fails_on_costs_its_neighbours_nothing(
    on_device: DeviceDecoder, drawn: Draw, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    bad, good = drawn(size=(500, 400)), torchvision.io.decode_jpeg

    def failing(pictures: list[torch.Tensor], **options: Any) -> Any:
        if any(len(picture) == len(bad) for picture in pictures):
            raise error
        return good(pictures, **options)

    neighbours = [turned(1), turned(6)]
    expected = [taken(on_device, neighbour) for neighbour in neighbours]
    monkeypatch.setattr(decode_device, "decode_jpeg", failing)
    answers = on_device(seated(neighbours[0], bad, neighbours[1]))
    assert [None if answer is None else answer.tobytes() for answer in answers] == [
        expected[0].tobytes(),
        None,
        expected[1].tobytes(),
    ]
