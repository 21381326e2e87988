"""Whether NVIDIA's driver is here: without it torch finds no device, and need not be loaded to be asked."""

import ctypes
import sys


def is_loadable() -> bool:
    """Whether the library can be loaded by the name under which torch loads it; True where only torch can tell."""
    if sys.platform != "linux":
        return True
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True
