"""What tests of the model and of decoding share. Pictures are drawn here or come from the demo (CC0)."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference.manifest import InputSpec

DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def spec() -> InputSpec:
    return InputSpec(size=64, resize=68)


@pytest.fixture
def drawn() -> Callable[..., bytes]:
    """A picture's bytes: a red left half, a blue right half, a green bar along the top (or another one's)."""

    def draw(kind: str = "JPEG", size: tuple[int, int] = (320, 240), mode: str = "RGB", **options: Any) -> bytes:
        buffer = io.BytesIO()
        quadrants(size).convert(mode).save(buffer, kind, **options)
        return buffer.getvalue()

    return draw


def quadrants(size: tuple[int, int]) -> Image.Image:
    width, height = size
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2] = (220, 20, 20)
    pixels[:, width // 2 :] = (20, 20, 220)
    pixels[: height // 3] = (20, 220, 20)
    return Image.fromarray(pixels)


def animated(width: int, height: int) -> bytes:
    """A WebP of two small frames on a canvas that is declared to be of that size: 200 bytes."""
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:], duration=50)
    data = bytearray(buffer.getvalue())
    at = data.index(b"VP8X") + 12
    data[at : at + 6] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(data)


@pytest.fixture(scope="session")
def cat(chelsea: bytes) -> bytes:
    """A photograph of a cat."""
    return chelsea


def one_torch_thread() -> Iterator[None]:
    """To be made an autouse fixture: on a busy machine two threads that wait for each other take many times as long."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine with a device, too."""
    monkeypatch.setattr("inference.engines.cuda.missing", lambda: "There is no device.")


@pytest.fixture(scope="session")
def data() -> Path:
    if not DATA.is_dir():
        pytest.skip(f"the labelled pictures are not at {DATA}")
    return DATA
