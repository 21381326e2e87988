"""Tunes glibc's memory allocator: with its defaults, torch spends half of its time on page faults."""

import ctypes
from typing import Final

# Parameters of mallopt(3), from glibc's malloc.h, in this order: one arena for all threads; no mapping of its own for
# a large block; the top of the heap is not given back below 2 GB; the heap grows by 256 MB.
_ONE_ARENA: Final = (-8, 1)
_KEEP: Final = (_ONE_ARENA, (-4, 0), (-1, 2**31 - 1), (-2, 256 * 1024 * 1024))


def keep_freed_pages() -> bool:
    """
    Make glibc keep freed memory, process-wide. Returns whether glibc accepted the settings.

    With the defaults, each forward pass returns its memory to the kernel and faults it in again: 2,000 page faults per
    picture, 6,000 in batches of 8, which halve torch's speed. The settings equal MALLOC_ARENA_MAX and similar
    variables. Without glibc (musl, macOS) or with a preloaded allocator they have no effect. The cost: the process
    keeps its peak memory.
    """
    return _set(*_KEEP)


def use_one_arena() -> bool:
    """
    Make new threads share the arenas that exist, process-wide. Returns whether glibc accepted the setting.

    By default each thread gets an arena of its own, and each arena keeps freed blocks.
    """
    return _set(_ONE_ARENA)


def release_freed_pages() -> bool:
    """
    Return freed memory to the system, process-wide, once. Returns whether any was returned.

    glibc keeps the freed blocks of each thread that are smaller than 32 MiB. Loading a model frees many.
    """
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (AttributeError, OSError, TypeError):
        return False


def _set(*options: tuple[int, int]) -> bool:
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return all(mallopt(parameter, value) == 1 for parameter, value in options)
