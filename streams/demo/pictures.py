"""The demo's pictures: a folder of yours, or the included photographs in many formats, some of them damaged."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final, Protocol, get_args

from PIL import Image

from inference.lab.labels import read_table
from streams.contracts import Reason
from streams.runtime.error_text import error_text

PHOTOGRAPHS: Final = Path(str(resources.files("streams.demo") / "photographs"))
USERS: Final = ("ann", "ben", "zoë")
LABELS: Final = ("cat", "dog", "neither", *get_args(Reason))
SUFFIXES: Final = frozenset(
    ".jpg .jpeg .png .webp .gif .bmp .tif .tiff .heic .heif .avif".split()  # noqa: SIM905 - a list of words reads better
)


@dataclass(frozen=True, slots=True)
class SamplePicture:
    """An upload: the last part of its key, its bytes, and its expected outcome, if known."""

    name: str
    data: bytes
    expected: str | None = None


class NoPicturesError(Exception):
    """The folder has no usable pictures; the message says what was looked for."""


class Pictures(Protocol):
    """A sized iterable of pictures."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[SamplePicture]: ...


class Folder:
    """
    Every picture below a folder, by name. ``labels.csv`` in it (``file,label``) has the expected outcomes.

    Files are read one at a time, since a folder may be larger than memory.

    Raises:
        NoPicturesError: there is no folder, no file with a picture's suffix, or the labels cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise NoPicturesError(f"{folder} is not a folder. Give one with pictures: petstream demo ~/Pictures")
        self._folder = folder
        self._labels = _labels(folder / "labels.csv")
        self._paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
        if not self._paths:
            raise NoPicturesError(f"{folder} has no pictures: looked for {', '.join(sorted(SUFFIXES))}")

    def __len__(self) -> int:
        return len(self._paths)

    def __iter__(self) -> Iterator[SamplePicture]:
        for path in self._paths:
            name = path.relative_to(self._folder).as_posix()
            yield SamplePicture(name, path.read_bytes(), self._labels.get(name))


def included() -> list[SamplePicture]:
    """
    The included photographs (public domain or CC0: NOTICE), in many formats and some damaged.

    There is no dog among them; ``IMAGES=`` shows yours.
    """
    cat = Image.open(PHOTOGRAPHS / "chelsea.png").convert("RGB")
    good = [
        SamplePicture("chelsea.png", (PHOTOGRAPHS / "chelsea.png").read_bytes(), "cat"),
        SamplePicture("chelsea as jpeg.jpg", _encoded(cat, "JPEG", quality=90), "cat"),
        SamplePicture("chelsea+webp.webp", _encoded(cat, "WEBP", quality=80), "cat"),
        SamplePicture("chelsea 100%.tiff", _encoded(cat, "TIFF"), "cat"),
        SamplePicture("mirrored.jpg", _encoded(cat.transpose(Image.Transpose.FLIP_LEFT_RIGHT), "JPEG"), "cat"),
        SamplePicture("lying-with-exif.jpg", _turned(cat), "cat"),
        SamplePicture("for-print-cmyk.jpg", _encoded(cat.convert("CMYK"), "JPEG"), "cat"),
        SamplePicture("palette.gif", _encoded(cat.quantize(64), "GIF"), "cat"),
        SamplePicture("thumbnail.png", _encoded(cat.resize((150, 100)), "PNG"), "cat"),
        SamplePicture("png-named.jpg", _encoded(cat.resize((300, 200)), "PNG"), "cat"),
    ]
    others = [
        SamplePicture(name, (PHOTOGRAPHS / name).read_bytes(), "not_a_pet")
        for name in ("astronaut.jpg", "camera.jpg", "coffee.png", "hubble_deep_field.jpg", "rocket.jpg")
    ]
    others.append(SamplePicture("drawn.png", _encoded(Image.radial_gradient("L"), "PNG"), "not_a_pet"))
    broken = [
        SamplePicture("cut-off.jpg", _encoded(cat, "JPEG")[:4000], "undecodable"),
        SamplePicture("notes.jpg", b"Dear diary, this is not a picture at all.\n" * 20, "unsupported_format"),
        SamplePicture("empty.jpg", b"", "undecodable"),
    ]
    return [*good, *others, *broken]


def _labels(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        return {row.file: _outcome_of(row.label) for row in read_table(path, LABELS)}
    except (OSError, ValueError) as error:
        raise NoPicturesError(error_text(error) if isinstance(error, OSError) else str(error)) from error


def _outcome_of(label: str) -> str:
    """The outcome of a label: ``neither`` is rejected as ``not_a_pet``."""
    return "not_a_pet" if label == "neither" else label


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _turned(image: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: shown a quarter turn clockwise
    return _encoded(image.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)
