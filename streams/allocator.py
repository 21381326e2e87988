"""
The memory allocator is part of the engine: every way of starting a classifier sets it, by starting itself once more.

With glibc's defaults a forward pass gives its pages back to the kernel after each batch and faults them in again for
the next: measured, half of torch.jit's time. glibc reads these settings before ``main``, so a running process cannot
change them. An operator's own settings, and a preloaded allocator, are left as they are.
"""

import os
import sys
from typing import Final

FREED_PAGES_KEPT: Final = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(4 * 1024**3),
    "MALLOC_TRIM_THRESHOLD_": str(8 * 1024**3),
    "MALLOC_TOP_PAD_": str(256 * 1024**2),
}
"""Source: mallopt(3); the values were chosen by measurement (benchmarks/)."""


def ensure() -> None:
    """Replace this process by itself with the allocator set, unless it is, or another one is preloaded."""
    missing = {name: value for name, value in FREED_PAGES_KEPT.items() if name not in os.environ}
    if sys.platform != "linux" or "LD_PRELOAD" in os.environ or not missing:
        return
    os.environ.update(missing)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - it is our own command line
