"""
The batch sizes that a device is prepared for. Pure.

Each shape of a batch costs a device its own choice of algorithms, memory and graph. So there are few: powers of two,
and a batch is filled up to the next one. At most half of the work is for nothing, and only in small batches.
"""

from collections.abc import Iterator
from typing import Final

BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128)


def buckets(largest: int) -> tuple[int, ...]:
    """Those that batches of 1 to ``largest`` pictures need; larger batches go in parts."""
    return tuple(bucket for bucket in BUCKETS if bucket < 2 * largest)


def bucket_for(pictures: int) -> int:
    """The smallest that takes ``pictures``, 1 to 128."""
    return next(bucket for bucket in BUCKETS if bucket >= pictures)


def parts(pictures: int, largest: int) -> Iterator[slice]:
    """``pictures`` in order, in slices of ``largest`` and a rest."""
    for start in range(0, pictures, largest):
        yield slice(start, min(start + largest, pictures))
