"""CPU time and memory of a process and its descendants, from Linux."""

from contextlib import suppress
from pathlib import Path

import psutil


def processor_seconds(pid: int) -> float:
    """User and system time of a process and its descendants so far, in seconds."""
    try:
        return float(sum(times.user + times.system for each in _family(pid) for times in [each.cpu_times()]))
    except psutil.NoSuchProcess:
        return 0.0


def forget_peak(pid: int) -> None:
    """Reset the kernel's peak memory of a process and its descendants."""
    for each in _family(pid):
        with suppress(FileNotFoundError):  # it has ended meanwhile
            Path(f"/proc/{each.pid}/clear_refs").write_text("5", encoding="ascii")


def peak_mib(pid: int) -> float:
    """The sum of their peaks since then, in MiB; shared pages count once per process."""
    return sum(_peak_kib(each.pid) for each in _family(pid)) / 1024


def _family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _peak_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)
