"""
Decodes plain JPEGs to the model's pixels on a device, in batches, by torchvision (nvJPEG on a GPU).

Off by default (docs/decisions/0009). It runs in a process of its own, ``device.child``.
"""

import ctypes
import io
import os
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin
from torch import Tensor
from torch.nn import functional
from torchvision.io import ImageReadMode, decode_jpeg

from inference.decode import Limits
from inference.decode.formats import sniff
from inference.decode.orientation import UPRIGHT, orientation
from inference.engines.staging import Event, Reached
from inference.manifest import InputSpec

_END_OF_IMAGE: Final = b"\xff\xd9"
_DEVICE_LOST: Final = 70  # the exit status: EX_SOFTWARE of sysexits.h
_PIXELS_AT_ONCE: Final = 64_000_000
"""Most pixels on the device at once, about 1 GB with the float32 squares. Larger pictures are not taken."""
_BLOCKING_SYNC: Final = 4  # cuda.h, CU_CTX_SCHED_BLOCKING_SYNC


class Plain(NamedTuple):
    """A JPEG that a device may decode: its number of pixels, and its EXIF orientation."""

    pixels: int
    orientation: Any


class DeviceDecoder:
    """The decoder of a process; creating it opens the device."""

    def __init__(self, spec: InputSpec, limits: Limits, largest: int, device: str = "cuda") -> None:
        """
        Opens ``device`` (cuda, or cpu in tests) and runs every kernel once; raises what torch raises.

        Args:
            spec: the pixels to make.
            limits: of the pictures.
            largest: the largest batch.
            device: its name in torch.
        """
        self._spec, self._limits = spec, limits
        self._device = torch.device(device)
        on_gpu = self._device.type == "cuda"
        if on_gpu:
            _sleep_while_waiting()
        self._staged = torch.zeros((largest, spec.size, spec.size, 3), dtype=torch.uint8, pin_memory=on_gpu)
        self._copied: Event = torch.cuda.Event(blocking=True) if on_gpu else Reached()  # type: ignore[no-untyped-call] # torch leaves it untyped
        drawn = io.BytesIO()
        Image.new("RGB", (spec.resize + 8, spec.resize)).save(drawn, "JPEG")
        self._squares([drawn.getbuffer()] * 2)

    def __call__(self, pictures: Sequence[memoryview]) -> list[NDArray[np.uint8] | None]:
        """
        The pixels of each picture, uint8 (size, size, 3); None for one that is not plain, or that the device fails on.
        The caller decodes those on the CPU.

        They differ from ``decode.decode`` by the resampling: the device decodes at full size, where libjpeg scales
        large pictures down.

        Args:
            pictures: at most ``largest``; their bytes must not change until this returns.
        """
        answers: list[NDArray[np.uint8] | None] = [None] * len(pictures)
        taken = [
            (number, found)
            for number, picture in enumerate(pictures)
            if (found := plain(picture, self._spec, self._limits)) is not None
        ]
        for part in _parts(taken):
            numbers = [number for number, _ in part]
            for (number, found), square in zip(part, self._decoded([pictures[n] for n in numbers]), strict=True):
                if square is not None:
                    turn = UPRIGHT.get(found.orientation)
                    upright = square if turn is None else Image.fromarray(square).transpose(turn)
                    answers[number] = np.array(upright, dtype=np.uint8, order="C")
        return answers

    def _decoded(self, pictures: Sequence[memoryview]) -> list[NDArray[np.uint8] | None]:
        """Decode all together; one by one if that fails, since nvJPEG does not say which picture failed."""
        try:
            return list(self._squares(pictures))
        except torch.AcceleratorError:  # the device is lost for this process; a new one may get it back
            os._exit(_DEVICE_LOST)
        except Exception:  # noqa: BLE001 - the CPU pool finds the reason, if there is one
            if len(pictures) == 1:
                return [None]
        return [answer for picture in pictures for answer in self._decoded([picture])]

    def _squares(self, pictures: Sequence[memoryview]) -> NDArray[np.uint8]:
        """The central squares before orientation, uint8 (pictures, size, size, 3); overwritten by the next call."""
        with torch.inference_mode():
            encoded = [torch.from_numpy(np.frombuffer(picture, np.uint8)) for picture in pictures]
            with warnings.catch_warnings():  # torchvision's deprecation of its decoders
                warnings.filterwarnings("ignore", message=".*TorchVision are deprecated")
                decoded = decode_jpeg(encoded, mode=ImageReadMode.RGB, device=self._device)
            squares = torch.cat([self._square(pixels) for pixels in decoded])
            rounded = squares.round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
            staged = self._staged[: len(pictures)]
            staged.copy_(rounded.contiguous(), non_blocking=True)
            self._copied.record()
            self._copied.synchronize()
        result: NDArray[np.uint8] = staged.numpy()
        return result

    def _square(self, pixels: Tensor) -> Tensor:
        """The central square of one picture, float32 (1, 3, size, size), not rounded."""
        height, width = pixels.shape[-2:]
        side = max(1, round(min(height, width) * self._spec.size / self._spec.resize))
        top, left = (height - side) // 2, (width - side) // 2
        square = pixels[None, :, top : top + side, left : left + side].float()
        size = (self._spec.size, self._spec.size)
        return functional.interpolate(square, size, mode="bicubic", antialias=True)


def plain(data: bytes | memoryview, spec: InputSpec, limits: Limits) -> Plain | None:
    """
    A JPEG that a device may decode; None for every other picture.

    It must have 8 bits, be grey or YCbCr, have no ICC profile, end with the end marker, be at least as large as the
    pixels made of it (where half a pixel matters), and be within the limits. Only its header is read.
    """
    if len(data) > limits.max_bytes or sniff(bytes(data[:64])) != "JPEG" or bytes(data[-2:]) != _END_OF_IMAGE:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, about damaged metadata
            with JpegImagePlugin.JpegImageFile(io.BytesIO(data)) as image:
                pixels = image.width * image.height
                sized = min(image.size) >= spec.resize and pixels <= min(limits.max_pixels, _PIXELS_AT_ONCE)
                known = image.mode in {"L", "RGB"} and image.info.get("adobe_transform", 1) == 1
                unprofiled = not image.info.get("icc_profile")
                return Plain(pixels, orientation(image)) if sized and known and unprofiled else None
    except Exception:  # noqa: BLE001 - the CPU pool finds the reason
        return None


def _parts(taken: Sequence[tuple[int, Plain]]) -> Iterator[list[tuple[int, Plain]]]:
    """Split into parts of at most _PIXELS_AT_ONCE pixels, in order."""
    part, pixels = list[tuple[int, Plain]](), 0
    for each in taken:
        if part and pixels + each[1].pixels > _PIXELS_AT_ONCE:
            yield part
            part, pixels = [], 0
        part.append(each)
        pixels += each[1].pixels
    if part:
        yield part


def _sleep_while_waiting() -> None:
    """
    Make threads that wait for the device sleep instead of spin. Call it before the device is opened.

    torch has no option for this. Source: CUDA Driver API, cuDevicePrimaryCtxSetFlags. A failure only costs CPU time.
    """
    try:
        driver = ctypes.CDLL("libcuda.so.1")
        if driver.cuInit(0) == 0:
            driver.cuDevicePrimaryCtxSetFlags_v2(0, _BLOCKING_SYNC)
    except (OSError, AttributeError):  # no driver, or an old one
        return
