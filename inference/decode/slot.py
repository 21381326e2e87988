"""
The memory that a decoding process shares with its parent, and the words that they say to each other.

Bytes go over and pixels come back through one mapping; the socket beside it carries single bytes, so no message can
arrive in parts, and nothing that the child says is ever unpickled: a decoder that a picture has taken over can answer
wrong pixels, and nothing else.
"""

import mmap
import os
import tempfile
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from inference.errors import REASONS, Reason

READY: Final = b"r"  # child: imported and limited, waiting
DECODE: Final = b"d"  # parent: there is a picture in the slot
PIXELS: Final = b"p"  # child: there are pixels in the slot
FAILED: Final = b"f"  # child: the decoder itself is broken (no picture's fault); detail in the slot
REJECTED: Final = {reason: bytes([index]) for index, reason in enumerate(REASONS)}  # child; detail in the slot
REASON_OF: Final[dict[bytes, Reason]] = {said: reason for reason, said in REJECTED.items()}
ANSWERS: Final = frozenset({READY, PIXELS, FAILED, *REASON_OF})

_LENGTH_BYTES: Final = 8
_KEEP_BYTES: Final = 8 * 1024 * 1024  # of a larger picture the pages are given back at once


class Slot:
    """
    ``side`` x ``side`` RGB pixels and up to ``max_bytes`` of picture, in an anonymous file that both map.

    Pages exist once they are written: a slot costs as much as the largest picture that is in it. Not /dev/shm, which
    containers limit to 64 MB.
    """

    def __init__(self, fd: int, side: int, max_bytes: int) -> None:
        self.fd = fd
        self._shape = (side, side, 3)
        pixels = side * side * 3
        self._input = _round_up(_LENGTH_BYTES + pixels)
        self._map = mmap.mmap(fd, self._input + max_bytes)
        self._pixels = np.frombuffer(self._map, np.uint8, pixels, _LENGTH_BYTES).reshape(self._shape)

    @classmethod
    def create(cls, side: int, max_bytes: int) -> Self:
        """A new slot, in the parent."""
        fd = _anonymous_file()
        os.ftruncate(fd, _round_up(_LENGTH_BYTES + side * side * 3) + max_bytes)
        return cls(fd, side, max_bytes)

    def put_picture(self, data: bytes | memoryview) -> None:
        """Parent: copy a picture in; at most ``max_bytes``."""
        self._put_length(len(data))
        self._map[self._input : self._input + len(data)] = data

    def picture(self) -> memoryview:
        """Child: the picture, valid until the reply; release it before."""
        return memoryview(self._map)[self._input : self._input + self._length()]

    def put_pixels(self, pixels: NDArray[np.uint8]) -> None:
        """Child: copy the answer in; ValueError if it is of another shape."""
        if pixels.shape != self._shape or pixels.dtype != np.uint8:
            raise ValueError(f"the decoder gave {pixels.dtype} {pixels.shape}, not uint8 {self._shape}")
        self._pixels[:] = pixels

    def pixels(self) -> NDArray[np.uint8]:
        """Parent: a copy of the answer, uint8 (side, side, 3)."""
        return self._pixels.copy()

    def put_detail(self, detail: str) -> None:
        """Child: why there are no pixels; cut to what fits."""
        text = detail.encode("utf-8", "replace")[: min(self._pixels.nbytes, 1000)]
        self._put_length(len(text))
        self._map[_LENGTH_BYTES : _LENGTH_BYTES + len(text)] = text

    def detail(self) -> str:
        """Parent: the sentence, whatever the child wrote there."""
        return self._map[_LENGTH_BYTES : _LENGTH_BYTES + min(self._length(), 1000)].decode("utf-8", "replace")

    def tidy(self, keep_bytes: int = _KEEP_BYTES) -> None:
        """Parent, after the reply: give the pages of a picture larger than ``keep_bytes`` back."""
        if (length := self._length_put) > keep_bytes and hasattr(mmap, "MADV_REMOVE"):
            self._map.madvise(mmap.MADV_REMOVE, self._input, length)

    def close(self) -> None:
        """Unmap and close; nothing of the slot may be used any more."""
        del self._pixels
        self._map.close()
        os.close(self.fd)

    _length_put = 0  # what this side put: the other side's number is not to be trusted with pages

    def _put_length(self, length: int) -> None:
        self._length_put = length
        self._map[:_LENGTH_BYTES] = length.to_bytes(_LENGTH_BYTES, "little")

    def _length(self) -> int:
        return int.from_bytes(self._map[:_LENGTH_BYTES], "little")


def _round_up(size: int) -> int:
    return -(-size // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("decode-slot", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
