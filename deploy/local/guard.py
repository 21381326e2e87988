"""
The last witness: a small process that outlives its parent by seconds and cleans up after it.

It reads orders from standard input. While the parent lives, it does nothing. When the parent is gone, for whatever
reason (kill -9 included), the kernel closes the pipe, and the guard ends every process group that is still
registered and removes every folder that is still registered. Where prctl exists the children have been signalled
already; the guard adds their own children, the folders, and systems without prctl.

Run as a script by an interpreter of its own (`python -I -S guard.py`): standard library alone.
"""

import contextlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

_GRACE_SECONDS = 5.0
_POLL_SECONDS = 0.05


def read_orders(lines: Iterable[str]) -> tuple[dict[int, int], set[str]]:
    """
    What is left to clean once all orders were read.

    Args:
        lines: JSON lists: ["watch", pid, signal], ["forget", pid], ["remove", path], ["keep", path].

    Returns:
        Process group leaders with the signal that ends each, and folders.
    """
    groups: dict[int, int] = {}
    folders: set[str] = set()
    for line in lines:
        try:
            order, *operands = json.loads(line)
        except ValueError:
            continue  # the parent was killed while it wrote: half a line is the end of the pipe
        if order == "watch":
            groups[operands[0]] = operands[1]
        elif order == "forget":
            groups.pop(operands[0], None)
        elif order == "remove":
            folders.add(operands[0])
        elif order == "keep":
            folders.discard(operands[0])
    return groups, folders


def end_groups(groups: dict[int, int], *, grace_seconds: float = _GRACE_SECONDS) -> None:
    """Send each process group its signal, then SIGKILL to those that are still there after the grace."""
    for leader, ending in groups.items():
        _signal_group(leader, ending)
    deadline = time.monotonic() + grace_seconds
    while time.monotonic() < deadline and any(_signal_group(leader, 0) for leader in groups):
        time.sleep(_POLL_SECONDS)
    for leader in groups:
        _signal_group(leader, signal.SIGKILL)


def remove_folders(folders: Iterable[str], *, patience_seconds: float = _GRACE_SECONDS) -> None:
    """Remove the folders, again and again while a dying process still writes into one."""
    deadline = time.monotonic() + patience_seconds
    for folder in folders:
        while Path(folder).exists():
            shutil.rmtree(folder, ignore_errors=True)
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL_SECONDS)


def _signal_group(leader: int, number: int) -> bool:
    """Whether the group still existed."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
        return False
    return True


def main() -> None:
    """Wait for the parent to end, then clean up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # whoever ends the parent politely must not end its witness first
    with contextlib.suppress(OSError):
        groups, folders = read_orders(sys.stdin)
        end_groups(groups)
        remove_folders(folders)


if __name__ == "__main__":
    main()
