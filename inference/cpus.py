"""The number of CPUs that this process may use."""

import math
import os
from pathlib import Path


def available(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """
    The CPUs of the affinity mask, or the container's CPU quota (rounded up) if it is lower; at least 1.

    A container limited to 2 of 64 CPUs still sees 64, and 64 threads would compete for 2.

    Args:
        cgroup: the folder of the version 2 control group; its ``cpu.max`` has "quota period" in microseconds.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = (cgroup / "cpu.max").read_text(encoding="ascii").split()
        return max(1, min(affinity, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no version 2 group, or "max": no quota
        return affinity
