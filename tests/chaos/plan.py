"""What a run uploads and what it breaks, drawn from a seed. Pure."""

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from PIL import Image

Fault = Literal[
    "kill bridge",
    "kill classify",
    "kill sink",
    "second classifier joins and leaves",
    "postgres stops",
    "postgres is killed",
    "kafka is killed",
    "old notifications come again",
]
FAULTS: Final[tuple[tuple[Fault, int], ...]] = (
    ("kill bridge", 4),
    ("kill classify", 4),
    ("kill sink", 4),
    ("second classifier joins and leaves", 1),
    ("postgres stops", 2),
    ("postgres is killed", 1),
    ("kafka is killed", 1),
    ("old notifications come again", 3),
)
"""Each with its weight: how often it is drawn, compared with the others."""

NAMES: Final = ("a+b {}.jpg", "100% {}.jpg", "é/ü {}.jpg", "../{}", "plain-{}.jpg", "a//b/{}.jpg", "日本 🐈 {}.jpg")


@dataclass(frozen=True, slots=True)
class Upload:
    """One version of one object, and how it must end."""

    key: str
    data: bytes
    outcome: str


def pictures(cat: bytes, other: bytes) -> list[tuple[bytes, str]]:
    """Contents with the outcome that each must have, made of a photograph of a cat and one of no pet."""
    photo = Image.open(io.BytesIO(cat)).convert("RGB").resize((300, 200))
    plain = _jpeg(photo)
    return [
        (plain, "cat"),
        (_jpeg(photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)), "cat"),
        (_jpeg(Image.open(io.BytesIO(other)).convert("RGB").resize((300, 200))), "not_a_pet"),
        (plain[: len(plain) // 3], "undecodable"),
        (b"Dear diary, no picture at all.\n" * 9, "unsupported_format"),
    ]


def uploads(seed: int, objects: int, contents: list[tuple[bytes, str]]) -> Iterator[Upload]:
    """So many objects under awkward keys, about one in five of them uploaded again later with other content."""
    rng = random.Random(seed)
    again: list[str] = []
    weights = [6, 3, 3, 1, 1]
    for number in range(objects):
        key = f"uploads/{rng.choice(('ann', 'ben', 'zoë'))}/{rng.choice(NAMES).format(number)}"
        yield Upload(key, *rng.choices(contents, weights)[0])
        if rng.random() < 0.2:
            again.append(key)
        if again and rng.random() < 0.2:
            yield Upload(again.pop(rng.randrange(len(again))), *rng.choices(contents, weights)[0])
    for key in again:
        yield Upload(key, *rng.choices(contents, weights)[0])


def faults(seed: int) -> Iterator[Fault]:
    """What is broken next, for ever."""
    rng = random.Random(seed + 1)
    kinds, weights = zip(*FAULTS, strict=True)
    while True:
        yield rng.choices(kinds, weights)[0]


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
