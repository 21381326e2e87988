"""
The batch sizes for which a device is prepared. Pure.

Each batch size needs its own algorithms, memory and graph on a device. So only powers of two are used, and a batch is
padded to the next one. At most half of the work is wasted.
"""

from collections.abc import Iterator
from typing import Final

BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128)


def buckets(largest: int) -> tuple[int, ...]:
    """The sizes for batches of 1 to ``largest`` pictures."""
    return tuple(bucket for bucket in BUCKETS if bucket < 2 * largest)


def bucket_for(pictures: int) -> int:
    """The smallest size for ``pictures``, 1 to 128."""
    return next(bucket for bucket in BUCKETS if bucket >= pictures)


def parts(pictures: int, largest: int) -> Iterator[slice]:
    """Slices of at most ``largest`` that cover ``pictures``, in order."""
    for start in range(0, pictures, largest):
        yield slice(start, min(start + largest, pictures))
