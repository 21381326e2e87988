import ctypes
from pathlib import Path

import pytest
import torch  # noqa: F401 - its import asks ldconfig, in a process, which the tests of a unit may not start

from inference.engines import allocator

BLOCK = 64 * 1024
BLOCKS = 500


def resident_kib() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def test_freed_pages_below_a_block_in_use_go_back_to_the_system() -> None:
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "malloc_trim"):
        pytest.skip("not glibc")
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.restype, libc.free.argtypes = None, [ctypes.c_void_p]
    blocks = [libc.malloc(BLOCK) for _ in range(BLOCKS)]
    for block in blocks:
        ctypes.memset(block, 1, BLOCK)
    *freed, in_use = blocks
    for block in freed:
        libc.free(block)
    before = resident_kib()
    assert allocator.release_freed_pages()
    assert before - resident_kib() > BLOCKS * BLOCK // 1024 // 2
    libc.free(in_use)
