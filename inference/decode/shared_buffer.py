"""
The memory that a decoding process shares with its parent, and the messages of their protocol.

Pictures and pixels pass through one mapping. The socket beside it carries single bytes, which cannot arrive in parts.
Nothing from the child is unpickled, so a decoder that a picture has compromised can return wrong pixels and nothing
else.
"""

import mmap
import os
import tempfile
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from inference.errors import REASONS, Reason

READY: Final = b"r"  # from the child: started, limits set, waiting
DECODE: Final = b"d"  # from the parent: the buffer has a picture
PIXELS: Final = b"p"  # from the child: the buffer has the pixels
FAILED: Final = b"f"  # from the child: the decoder itself is broken; the buffer has the detail
REJECTED: Final = {
    reason: bytes([index]) for index, reason in enumerate(REASONS)
}  # from the child; the buffer has the detail
REASON_OF: Final[dict[bytes, Reason]] = {code: reason for reason, code in REJECTED.items()}
ANSWERS: Final = frozenset({READY, PIXELS, FAILED, *REASON_OF})

_LENGTH_BYTES: Final = 8
_KEEP_BYTES: Final = 8 * 1024 * 1024  # the pages of a larger picture are freed at once


class SharedBuffer:
    """
    Room for ``side`` x ``side`` RGB pixels and a picture of up to ``max_bytes``, in an anonymous file that both map.

    Pages are allocated when written, so a buffer costs as much as the largest picture in it. /dev/shm is not used,
    since containers limit it to 64 MB.
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
        """Parent: a new buffer."""
        fd = _anonymous_file()
        os.ftruncate(fd, _round_up(_LENGTH_BYTES + side * side * 3) + max_bytes)
        return cls(fd, side, max_bytes)

    def put_picture(self, data: bytes | memoryview) -> None:
        """Parent: write a picture of at most ``max_bytes``."""
        self._put_length(len(data))
        self._map[self._input : self._input + len(data)] = data

    def picture(self) -> memoryview:
        """Child: a view of the picture. Release it before the reply."""
        return memoryview(self._map)[self._input : self._input + self._length()]

    def put_pixels(self, pixels: NDArray[np.uint8]) -> None:
        """Child: write the pixels, uint8 (side, side, 3). Raises ValueError for another shape or type."""
        if pixels.shape != self._shape or pixels.dtype != np.uint8:
            raise ValueError(f"the decoder gave {pixels.dtype} {pixels.shape}, not uint8 {self._shape}")
        self._pixels[:] = pixels

    def pixels(self) -> NDArray[np.uint8]:
        """Parent: a copy of the pixels, uint8 (side, side, 3)."""
        return self._pixels.copy()

    def put_detail(self, detail: str) -> None:
        """Child: write why there are no pixels; cut to at most 1,000 bytes."""
        text = detail.encode("utf-8", "replace")[: min(self._pixels.nbytes, 1000)]
        self._put_length(len(text))
        self._map[_LENGTH_BYTES : _LENGTH_BYTES + len(text)] = text

    def detail(self) -> str:
        """Parent: the detail. It is not to be trusted."""
        return self._map[_LENGTH_BYTES : _LENGTH_BYTES + min(self._length(), 1000)].decode("utf-8", "replace")

    def free_pages(self, keep_bytes: int = _KEEP_BYTES) -> None:
        """Parent, after the reply: free the pages of a picture larger than ``keep_bytes``."""
        if (length := self._length_put) > keep_bytes and hasattr(mmap, "MADV_REMOVE"):
            self._map.madvise(mmap.MADV_REMOVE, self._input, length)

    def close(self) -> None:
        """Unmap and close. The buffer must not be used afterwards."""
        del self._pixels
        self._map.close()
        os.close(self.fd)

    _length_put = 0  # this side's length: the child's is not trusted for freeing pages

    def _put_length(self, length: int) -> None:
        self._length_put = length
        self._map[:_LENGTH_BYTES] = length.to_bytes(_LENGTH_BYTES, "little")

    def _length(self) -> int:
        return int.from_bytes(self._map[:_LENGTH_BYTES], "little")


def _round_up(size: int) -> int:
    return -(-size // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("decode-buffer", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
