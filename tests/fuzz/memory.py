"""What the processes of a run weigh, and whether any is left over. Read off /proc: Linux only."""

import os
from collections.abc import Iterable
from pathlib import Path


def resident_bytes(pid: int | None = None) -> int:
    """Of one process (this one by default); 0 if it has ended."""
    return _status_bytes(pid, "VmRSS:")


def peak_bytes(pid: int | None = None) -> int:
    """The most that one process was resident with; 0 if it has ended."""
    return _status_bytes(pid, "VmHWM:")


def heaviest(pids: Iterable[int]) -> int:
    """Bytes resident in the heaviest of some processes."""
    return max((resident_bytes(pid) for pid in pids), default=0)


def children() -> frozenset[int]:
    """This process's children, whichever of its threads started them; also those that ended and were not waited for."""
    found: set[int] = set()
    for path in Path("/proc/self/task").glob("*/children"):
        found.update(int(pid) for pid in path.read_text(encoding="ascii").split())
    return frozenset(found)


def _status_bytes(pid: int | None, field: str) -> int:
    try:
        lines = Path(f"/proc/{pid or os.getpid()}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(field)), 0)
