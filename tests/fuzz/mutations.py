"""Damages a picture's bytes as cables, disks, careless programs and attackers do. Pure: one generator, one result."""

import random
import re
import zlib
from collections.abc import Callable, Sequence
from typing import Final

Mutation = Callable[[random.Random, bytearray, Sequence[bytes]], None]

_NASTY: Final = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
_MAX_BYTES: Final = 64 * 1024
_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def mutated(source: random.Random, pictures: Sequence[bytes], others: Sequence[bytes]) -> bytes:
    """
    One of ``pictures``, damaged once to five times.

    Args:
        source: the only source of chance; its state decides everything.
        pictures: of one format.
        others: of all formats, to splice from.
    """
    data = bytearray(source.choice(pictures))
    for _ in range(source.choice((1, 1, 1, 2, 2, 3, 5))):
        source.choice(_MUTATIONS)(source, data, others)
        if not data:
            break
        del data[_MAX_BYTES:]
    if data.startswith(_PNG_SIGNATURE) and source.random() < 0.5:
        _mend_png(data)  # otherwise the checksums stop nearly everything at the door
    return bytes(data)


def _place(source: random.Random, data: bytearray) -> int:
    """Anywhere, but every second time among the headers."""
    return source.randrange(min(len(data), 256) if source.random() < 0.5 else len(data))


def _flip_bits(source: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    for _ in range(source.choice((1, 1, 2, 8, 32))):
        data[_place(source, data)] ^= 1 << source.randrange(8)


def _set_bytes(source: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    for _ in range(source.choice((1, 2, 4))):
        data[_place(source, data)] = source.choice((0, 0xFF, 0x7F, 0x80, source.randrange(256)))


def _edit_number(source: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    """Overwrite what may be a length, a count, an offset or a size, in either byte order."""
    size = source.choice((2, 4))
    at = _place(source, data)
    old = int.from_bytes(data[at : at + size], "big")
    value = source.choice((*_NASTY, len(data), old + 1, old * 2, max(old - 1, 0), source.getrandbits(8 * size)))
    data[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, source.choice(("big", "little")))


def _truncate(source: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    del data[_place(source, data) :]


def _cut_out(source: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    at = _place(source, data)
    del data[at : at + source.randint(1, 64)]


def _duplicate(source: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    at = _place(source, data)
    piece = data[at : at + source.choice((4, 16, 64, 256, 1024))]
    data[at:at] = piece * source.choice((1, 1, 2, 20))


def _splice(source: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    """Put in a piece of another picture, over what is there or between it."""
    other = source.choice(others)
    start = source.randrange(len(other))
    piece = other[start : start + source.choice((4, 16, 64, 256, 1024))]
    at = _place(source, data)
    data[at : at + (len(piece) if source.random() < 0.5 else 0)] = piece


def _swap_header(source: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    """One picture's beginning before another one's rest."""
    length = source.choice((4, 8, 12, 16, 24, 32, 64, 128))
    data[:length] = source.choice(others)[:length]


def _append(source: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    data += source.choice(others) if source.random() < 0.5 else source.randbytes(source.randint(1, 200))


def _move_piece(source: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    """Blocks in another order, as a disk that was mended wrongly has them."""
    at, length = _place(source, data), source.choice((8, 64, 512))
    piece = data[at : at + length]
    del data[at : at + length]
    to = source.randint(0, len(data))
    data[to:to] = piece


def _zero_block(source: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    """A block that was allocated and never written."""
    at = _place(source, data)
    length = min(source.choice((8, 64, 512)), len(data) - at)
    data[at : at + length] = bytes(length)


def _mend_png(data: bytearray) -> None:
    """Give every chunk that can still be found the checksum of what it now holds."""
    for found in re.finditer(rb"IHDR|PLTE|tRNS|IDAT|IEND|iCCP|eXIf|acTL|fcTL|fdAT|pHYs", bytes(data)):
        end = found.end() + int.from_bytes(data[found.start() - 4 : found.start()], "big")
        if end + 4 <= len(data):
            data[end : end + 4] = zlib.crc32(data[found.start() : end]).to_bytes(4, "big")


_MUTATIONS: Final[tuple[Mutation, ...]] = (
    _flip_bits,
    _flip_bits,
    _set_bytes,
    _edit_number,
    _edit_number,
    _truncate,
    _cut_out,
    _duplicate,
    _splice,
    _swap_header,
    _append,
    _move_piece,
    _zero_block,
)
