"""What a run uploads, drawn from a seed. Pure."""

import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image

_DECODED: Final = {"cat", "dog", "not_a_pet"}

NAMES: Final = ("a+b {}.jpg", "100% {}.jpg", "é/ü {}.jpg", "../{}", "plain-{}.jpg", "a//b/{}.jpg", "日本 🐈 {}.jpg")


USERS: Final = ("ann", "ben", "zoë", "una")
UNVERSIONED_FOLDER: Final = "uploads/una/"
"""These keys are in a bucket of their own that keeps no versions."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One version of one object, and how it must end."""

    key: str
    data: bytes
    outcome: str


def pictures(cat: bytes, other: bytes) -> list[tuple[bytes, str]]:
    """Contents with the outcome that each must have, made of a photograph of a cat and one of no pet."""
    photo = Image.open(io.BytesIO(cat)).convert("RGB").resize((300, 200))
    plain = jpeg(photo)
    return [
        (plain, "cat"),
        (jpeg(photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)), "cat"),
        (jpeg(Image.open(io.BytesIO(other)).convert("RGB").resize((300, 200))), "not_a_pet"),
        (plain[: len(plain) // 3], "undecodable"),
        (b"Dear diary, no picture at all.\n" * 9, "unsupported_format"),
    ]


def uploads(seed: int, objects: int, contents: Sequence[tuple[bytes, str]]) -> Iterator[Upload]:
    """
    So many objects under awkward keys, about one in five of them uploaded again later with other content.

    Of ten uploads seven are pets, two show something else, one is no picture at all. One key in 40 names no user.
    """
    rng = random.Random(seed)
    kinds = [
        [content for content in contents if content[1] in outcomes]
        for outcomes in ({"cat", "dog"}, {"not_a_pet"}, {outcome for _, outcome in contents} - _DECODED)
    ]

    def version(key: str) -> Upload:
        data, outcome = rng.choice(rng.choices(kinds, (7, 2, 1))[0])
        return Upload(key, data, outcome if key.count("/") > 1 else "no_user")

    again: list[str] = []
    for number in range(objects):
        user, name = rng.choice(USERS), rng.choice(NAMES).format(number)
        key = f"uploads/{user}/{name}" if rng.random() > 1 / 40 else f"uploads/of nobody {number}.jpg"
        yield version(key)
        if rng.random() < 0.2:
            again.append(key)
        if again and rng.random() < 0.2:
            yield version(again.pop(rng.randrange(len(again))))
    for key in again:
        yield version(key)


def jpeg(image: Image.Image) -> bytes:
    """The image as a JPEG of good quality."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
