"""Pictures are drawn here or come from scikit-image, which ships them under free licences."""

import io
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference.manifest import InputSpec
from inference.recipe import DEFAULT_ARCH

DATA = Path(__file__).parents[4] / "shared" / "data"


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


@pytest.fixture(scope="session")
def cat() -> bytes:
    """A photograph of a cat (Chelsea, CC0)."""
    package = find_spec("skimage")
    assert package is not None
    assert package.origin is not None
    return (Path(package.origin).parent / "data" / "chelsea.png").read_bytes()


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from inference.export import export

    return export(DEFAULT_ARCH, tmp_path_factory.mktemp("model") / "model.pt")


@pytest.fixture
def without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine with a device, too."""
    monkeypatch.setattr("inference.engines.cuda.missing", lambda: "There is no device.")


@pytest.fixture(scope="session")
def data() -> Path:
    if not DATA.is_dir():
        pytest.skip(f"the labelled pictures are not at {DATA}")
    return DATA
