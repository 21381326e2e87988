"""How many processors this process may really use."""

import math
import os
from pathlib import Path


def available(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """
    At least 1: the processors of the affinity mask, or fewer if the container's quota allows fewer.

    A container limited to 2 of a machine's 64 processors still sees 64; as many threads would fight for two.

    Args:
        cgroup: where a version 2 control group shows itself; the quota is in its ``cpu.max``, "microseconds period".
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = (cgroup / "cpu.max").read_text(encoding="ascii").split()
        return max(1, min(affinity, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no version 2 group, or "max": no quota
        return affinity
