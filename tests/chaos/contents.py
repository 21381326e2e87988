"""
The contents that a run uploads, each with the outcome that the pipeline's own library gives it while nothing is broken.

Photographs come from the folder of ``PETSTREAM_PICTURES`` (with a labels.csv: file,label), else from
``../shared/data/dev`` where there is one, else the demo's. Only those are taken whose label the model gets
right, and surely.
"""

import csv
import io
import os
import random
import struct
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from PIL import Image

from inference.classifier import Classifier, load
from inference.decode import Limits, decode
from inference.errors import RejectedImage
from tests.chaos.plan import jpeg, pictures
from tests.photographs import CHELSEA, COFFEE

SHARED: Final = Path(__file__).parents[3] / "shared" / "data" / "dev"
ENGINE: Final = "auto"
"""The product's own choice; the processes of the run have it too."""

SIDE_PIXELS: Final = 300
OF_EACH_LABEL: Final = 12
SURE: Final = 0.9
"""Least confidence: a picture on the edge might fall to either side with the batch it is in."""
LIMITS: Final = Limits(max_bytes=32 * 1024 * 1024, max_pixels=100_000_000)
"""Those of the classifier's default settings."""


def contents(model_file: Path, *, photographs: bool = True) -> list[tuple[bytes, str]]:
    """
    Contents and outcomes; the same for the same model and folder.

    Args:
        photographs: those of the folder, too. To choose them takes a while, and a model that knows them.
    """
    classifier = load(model_file, engine=ENGINE, max_batch_size=1)
    try:
        folder = Path(os.environ.get("PETSTREAM_PICTURES") or SHARED)
        photos = list(_chosen(folder, classifier)) if photographs and (folder / "labels.csv").exists() else []
        cut_off = [photo[: len(photo) // 3] for photo in photos[:3]]
        mistreated = [b"", _huge(), *cut_off, jpeg(Image.new("RGB", (300, 200), "lime"))]
        plain = pictures(CHELSEA.read_bytes(), COFFEE.read_bytes())
        return [(each, outcome(each, classifier)) for each in (*photos, *mistreated, *(each for each, _ in plain))]
    finally:
        classifier.close()


def outcome(data: bytes, classifier: Classifier) -> str:
    """What the pipeline says of these bytes: a label, or the reason of the rejection."""
    try:
        (prediction,) = classifier.predict([decode(data, classifier.manifest.input, LIMITS)])
    except RejectedImage as rejected:
        return rejected.reason
    return "not_a_pet" if prediction.label == "neither" else prediction.label


def _chosen(folder: Path, classifier: Classifier) -> Iterator[bytes]:
    """Photographs made small, so many of each label, that are judged rightly and surely."""
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as lines:
        labels = {row["file"]: row["label"] for row in csv.DictReader(lines)}
    for label in sorted(set(labels.values())):
        files = sorted(file for file, its in labels.items() if its == label)
        random.Random(0).shuffle(files)
        small = (_small(folder / file) for file in files)
        yield from islice(_sure(small, label, classifier), OF_EACH_LABEL)


def _sure(photos: Iterable[bytes], label: str, classifier: Classifier) -> Iterator[bytes]:
    for photo in photos:
        (prediction,) = classifier.predict([decode(photo, classifier.manifest.input, LIMITS)])
        if prediction.label == label and prediction.confidence >= SURE:
            yield photo


def _small(path: Path) -> bytes:
    with Image.open(path) as image:
        photo = image.convert("RGB")
    photo.thumbnail((SIDE_PIXELS, SIDE_PIXELS))
    return jpeg(photo)


def _huge() -> bytes:
    """A PNG of a few bytes that says it is 20,000 pixels wide and high."""
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    buffer = io.BytesIO(b"\x89PNG\r\n\x1a\n")
    buffer.seek(0, io.SEEK_END)
    for name, content in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(64))), (b"IEND", b"")):
        buffer.write(struct.pack(">I", len(content)) + name + content)
        buffer.write(struct.pack(">I", zlib.crc32(name + content)))
    return buffer.getvalue()
