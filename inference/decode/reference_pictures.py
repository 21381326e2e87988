"""
A small valid picture of each format. They are stored, not generated, so that a broken library cannot affect them.

A decoder that refuses the reference picture of a format is broken, and its rejections are not to be trusted.
"""

import base64
import functools
import json
from pathlib import Path

from inference.decode.formats import Format, sniff

_FILE = Path(__file__).with_suffix(".json")


@functools.cache
def reference_picture(kind: Format) -> bytes:
    """A valid file of a format, 16x16 pixels (HEIF 64x64), at most 1 kB. Written by Pillow 13, pillow-heif 1.8."""
    return base64.b64decode(json.loads(_FILE.read_text(encoding="ascii"))[kind])


def reference_picture_for(data: bytes) -> tuple[Format, bytes]:
    """The format of ``data`` and its reference picture; JPEG if the format is unknown."""
    kind = sniff(data[:64]) or "JPEG"
    return kind, reference_picture(kind)
