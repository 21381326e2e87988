"""
A small picture of each format that is known to be good, stored and not drawn: a broken library cannot spoil it.

A decoder that refuses the witness of a format is broken itself, whatever it says of other pictures.
"""

import base64
import functools
import json
from pathlib import Path

from inference.decode.formats import Format, sniff

_FILE = Path(__file__).with_suffix(".json")


@functools.cache
def witness(kind: Format) -> bytes:
    """A good file of a format, 16x16 pixels (HEIF 64x64), at most 1 kB. Written by Pillow 13, pillow-heif 1.8."""
    return base64.b64decode(json.loads(_FILE.read_text(encoding="ascii"))[kind])


def witness_for(data: bytes) -> tuple[Format, bytes]:
    """The witness of the format that ``data`` claims to be; a JPEG for what claims to be none."""
    kind = sniff(data[:64]) or "JPEG"
    return kind, witness(kind)
