"""
Plain JPEGs → the model's pixels on a device, by torchvision (nvJPEG on a GPU). Everything else goes the usual way.

Off unless it is asked for (docs/decisions/0009): it runs in the decoding processes as ``decode`` does, under the same
limits, so that a picture that crashes nvJPEG costs that picture.
"""

import io
import os
import warnings
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin
from torch.nn import functional
from torchvision.io import ImageReadMode, decode_jpeg

from inference import decode as usual
from inference.decode import UPRIGHT, Limits, orientation
from inference.formats import sniff
from inference.manifest import InputSpec

_END_OF_IMAGE: Final = b"\xff\xd9"
_DEVICE_LOST: Final = 70  # sysexits.h, EX_SOFTWARE: an exit status for whoever reads the log


class DeviceDecoder:
    """A decoder with the signature of ``decode.decode``. Made once for a process: making it opens the device."""

    def __init__(self, device: str) -> None:
        """Opens ``device`` (cuda, or cpu in tests) and runs every kernel once; raises what torch raises."""
        self._device = torch.device(device)
        drawn = io.BytesIO()
        Image.new("RGB", (64, 48)).save(drawn, "JPEG")
        self._square(drawn.getbuffer(), InputSpec(size=16, resize=16))

    def __call__(self, data: bytes | memoryview, spec: InputSpec, limits: Limits) -> NDArray[np.uint8]:
        """
        See ``decode.decode``. What the device does not take, or fails on, the usual way takes or rejects.

        The device decodes at full size, where the usual way lets libjpeg scale large pictures: pixels differ by what
        two resamplings differ.
        """
        turn = plain(data, spec, limits)
        if turn is not None:
            try:
                square = self._square(data, spec)
            except torch.AcceleratorError:  # the device is lost to this process; a fresh one may get it back
                os._exit(_DEVICE_LOST)
            except Exception:  # noqa: BLE001 - the usual way knows the reason, or no fault
                square = None
            if square is not None:
                upright = Image.fromarray(square).transpose(UPRIGHT[turn]) if turn in UPRIGHT else square
                return np.array(upright, dtype=np.uint8, order="C")
        return usual.decode(data, spec, limits)

    def _square(self, data: bytes | memoryview, spec: InputSpec) -> NDArray[np.uint8]:
        """The central square, not turned, uint8 (size, size, 3)."""
        with torch.inference_mode():
            encoded = torch.from_numpy(np.frombuffer(data, np.uint8).copy())
            with warnings.catch_warnings():  # torchvision announces that its decoders will go
                warnings.filterwarnings("ignore", message=".*TorchVision are deprecated")
                pixels = decode_jpeg(encoded, mode=ImageReadMode.RGB, device=self._device)
            height, width = pixels.shape[-2:]
            side = max(1, round(min(height, width) * spec.size / spec.resize))
            top, left = (height - side) // 2, (width - side) // 2
            square = pixels[None, :, top : top + side, left : left + side].float()
            small = functional.interpolate(square, (spec.size, spec.size), mode="bicubic", antialias=True)
            rounded = small[0].round().clamp(0, 255).to(torch.uint8)
            result: NDArray[np.uint8] = rounded.permute(1, 2, 0).contiguous().cpu().numpy()
        return result


def plain(data: bytes | memoryview, spec: InputSpec, limits: Limits) -> Any:
    """
    The EXIF orientation of a JPEG that a device may decode; None for everything else.

    That is one of 8 bits in grey or YCbCr, without an ICC profile, whole to its last marker, no smaller than what is
    made of it (half a pixel counts in those), within the limits. Only its header is read. What is wrong with the others
    is not asked here.
    """
    if len(data) > limits.max_bytes or sniff(bytes(data[:64])) != "JPEG" or bytes(data[-2:]) != _END_OF_IMAGE:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, about damaged metadata
            with JpegImagePlugin.JpegImageFile(io.BytesIO(data)) as image:
                sized = min(image.size) >= spec.resize and image.width * image.height <= limits.max_pixels
                known = image.mode in {"L", "RGB"} and image.info.get("adobe_transform", 1) == 1
                unprofiled = not image.info.get("icc_profile")
                return orientation(image) if sized and known and unprofiled else None
    except Exception:  # noqa: BLE001 - the usual way finds the words for it
        return None
