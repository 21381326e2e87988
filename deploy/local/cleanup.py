"""The parent's side of the cleanup process: starts one per process, and registers children and folders with it."""

import atexit
import contextlib
import json
import subprocess
import sys
import threading
from pathlib import Path

_PROGRAM = Path(__file__).with_name("cleanup_process.py")


class Cleanup:
    """Registers what to clean up when this process ends. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def watch(self, pid: int, death_signal: int) -> None:
        """End this process group when this process has ended."""
        self._send("watch", pid, death_signal)

    def forget(self, pid: int) -> None:
        """This process group has ended."""
        self._send("forget", pid)

    def remove(self, folder: Path) -> None:
        """Remove this folder when this process has ended."""
        self._send("remove", str(folder))

    def keep(self, folder: Path) -> None:
        """Do not remove this folder."""
        self._send("keep", str(folder))

    def close(self) -> None:
        """Clean up what is registered, and wait for it."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):  # the cleanup process was killed
            process.communicate(timeout=30)

    def _send(self, *command: str | int) -> None:
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._process = _start_process()
                atexit.register(self.close)
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()


def _start_process() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(_PROGRAM)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        text=True,
        start_new_session=True,  # out of reach of Ctrl-C at the terminal
    )


cleanup = Cleanup()
