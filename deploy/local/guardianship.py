"""The parent's side of the guard: one guard per process, started with the first child, told of all others."""

import atexit
import contextlib
import json
import subprocess
import sys
import threading
from pathlib import Path

_GUARD = Path(__file__).with_name("guard.py")


class Guardianship:
    """What shall be cleaned up if this process ends without doing so itself. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def watch(self, pid: int, death_signal: int) -> None:
        """End this process group when we are gone."""
        self._tell("watch", pid, death_signal)

    def forget(self, pid: int) -> None:
        """This process group has ended."""
        self._tell("forget", pid)

    def remove(self, folder: Path) -> None:
        """Remove this folder when we are gone."""
        self._tell("remove", str(folder))

    def keep(self, folder: Path) -> None:
        """Leave this folder alone."""
        self._tell("keep", str(folder))

    def close(self) -> None:
        """Let the guard clean what is registered, and wait for it."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):  # a guard that was killed has a broken pipe
            process.communicate(timeout=30)

    def _tell(self, *order: str | int) -> None:
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._process = _start_guard()
                atexit.register(self.close)
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()


def _start_guard() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(_GUARD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        text=True,
        start_new_session=True,  # Ctrl-C at the terminal reaches the foreground group, and the guard is not in it
    )


guardianship = Guardianship()
