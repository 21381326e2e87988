"""
A small process that cleans up after its parent has ended.

It reads commands from standard input, and does nothing while the parent lives. When the parent ends, in whatever way
(kill -9 included), the kernel closes the pipe. Then this process ends every process group and removes every folder that
is still registered. On Linux, prctl has ended the children already; this process also ends their children.

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


def read_commands(lines: Iterable[str]) -> tuple[dict[int, int], set[str]]:
    """
    The process groups and folders that are registered after all commands.

    Args:
        lines: JSON lists: ["watch", pid, signal], ["forget", pid], ["remove", path], ["keep", path].

    Returns:
        The leaders of process groups with their signals, and folders.
    """
    groups: dict[int, int] = {}
    folders: set[str] = set()
    for line in lines:
        try:
            command, *operands = json.loads(line)
        except ValueError:
            continue  # the parent was killed while it wrote this line
        if command == "watch":
            groups[operands[0]] = operands[1]
        elif command == "forget":
            groups.pop(operands[0], None)
        elif command == "remove":
            folders.add(operands[0])
        elif command == "keep":
            folders.discard(operands[0])
    return groups, folders


def end_groups(groups: dict[int, int], *, grace_seconds: float = _GRACE_SECONDS) -> None:
    """Send each process group its signal, and SIGKILL after the grace period."""
    for leader, ending in groups.items():
        _signal_group(leader, ending)
    deadline = time.monotonic() + grace_seconds
    while time.monotonic() < deadline and any(_signal_group(leader, 0) for leader in groups):
        time.sleep(_POLL_SECONDS)
    for leader in groups:
        _signal_group(leader, signal.SIGKILL)


def remove_folders(folders: Iterable[str], *, patience_seconds: float = _GRACE_SECONDS) -> None:
    """Remove the folders; tries again while a process still writes into one."""
    deadline = time.monotonic() + patience_seconds
    for folder in folders:
        while Path(folder).exists():
            shutil.rmtree(folder, ignore_errors=True)
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL_SECONDS)


def _signal_group(leader: int, number: int) -> bool:
    """Send a signal to a group. Returns whether the group existed."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
        return False
    return True


def main() -> None:
    """Wait for the parent to end, then clean up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # signals for the parent must not end this process first
    with contextlib.suppress(OSError):
        groups, folders = read_commands(sys.stdin)
        end_groups(groups)
        remove_folders(folders)


if __name__ == "__main__":
    main()
