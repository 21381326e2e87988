"""The memory allocator is part of torch's engine: with glibc's defaults half of its time goes to page faults."""

import ctypes
from typing import Final

# Parameters of mallopt(3), from glibc's malloc.h, in this order: one arena for all threads; no mapping of its own for
# a large block; the top of the heap is not given back below 2 GB; the heap grows by 256 MB.
_KEEP: Final = ((-8, 1), (-4, 0), (-1, 2**31 - 1), (-2, 256 * 1024 * 1024))


def keep_freed_pages() -> bool:
    """
    Have glibc keep the memory that is freed, process-wide and from now on; whether it took the setting.

    With its defaults each forward pass gives its memory back to the kernel and faults it in again: 2,000 faults for
    each picture one at a time, 6,000 in batches of 8, about half of torch's speed. With this none. The same as
    MALLOC_ARENA_MAX and its like in the environment, but nobody can forget it. Without glibc (musl, macOS) it does
    nothing; under a preloaded allocator it has no effect. The price: the process keeps its peak.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return all(mallopt(parameter, value) == 1 for parameter, value in _KEEP)
