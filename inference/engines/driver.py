"""Whether NVIDIA's driver is installed. Without it torch finds no device, so torch need not be imported to ask."""

import ctypes
import sys


def is_loadable() -> bool:
    """Whether the driver's library can be loaded. True on systems where only torch can tell."""
    if sys.platform != "linux":
        return True
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True
