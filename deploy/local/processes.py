"""
Child processes that cannot outlive their parent.

A child is ended by `stop` (SIGTERM, then SIGKILL), by the kernel when the parent ends (`launch.py`), or by the cleanup
process, which ends its process group (`cleanup_process.py`). Each child leads a session of its own, so that Ctrl-C at
the terminal reaches only the parent, which ends the children in order.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.local.cleanup import cleanup
from deploy.local.errors import PartEnded, PartTimedOut

_LAUNCH = Path(__file__).with_name("launch.py")
_POLL_SECONDS = 0.02
_TAIL_BYTES = 64 * 1024

# Linux sends the parent-death signal when the THREAD that forked ends, not the process. Stacks start their parts from
# short-lived threads, so all forks go through this one, which lives as long as the interpreter.
_FORKING_THREAD = ThreadPoolExecutor(max_workers=1, thread_name_prefix="forking")


class ChildProcess:
    """
    One process in its own process group, with its own log file.

    Args:
        name: For error messages.
        argv: Program and arguments; a bare name is looked up on the PATH in `env`.
        env: The child's whole environment; None: inherited.
        log_path: Standard output and error are appended here.
        uid: User and group id to change to before the program starts.
        death_signal: The signal to the child when its parent ends.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log_path: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        uid: int | None = None,
        death_signal: signal.Signals = signal.SIGKILL,
    ) -> None:
        self.name = name
        self.argv = tuple(argv)
        self.log_path = log_path
        self._env = None if env is None else dict(env)
        self._cwd = cwd
        self._uid = uid
        self._death_signal = death_signal
        self._process: subprocess.Popen[bytes] | None = None
        self._reaping = threading.Lock()

    @property
    def pid(self) -> int:
        """The process id of the latest start, which leads its process group."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self.poll() is None

    def start(self) -> "ChildProcess":
        """Start it in the background. A program that cannot be executed ends at once; its log says why."""
        if self.is_running:
            raise RuntimeError(f"{self.name} runs already")
        self._process = _FORKING_THREAD.submit(self._fork).result()
        cleanup.watch(self._process.pid, self._death_signal)
        return self

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs. Kills the rest of its group once it has ended."""
        process = self._process
        if process is None:
            return None
        with self._reaping:  # another thread may reap it at this moment
            has_ended = process.returncode is None and _has_ended(process)
        return self._reap(process) if has_ended else process.returncode

    def wait(self, timeout_seconds: float) -> int:
        """
        Wait until it ends by itself. Returns its exit status.

        Raises:
            PartTimedOut: it still runs after that time.
        """
        deadline = time.monotonic() + timeout_seconds
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise PartTimedOut(self.name, timeout_seconds, self.log_path, self.log_tail())
            time.sleep(_POLL_SECONDS)
        return status

    def wait_until(self, is_ready: Callable[[], bool], *, timeout_seconds: float) -> None:
        """
        Poll until it is ready.

        Raises:
            PartEnded: it ends instead.
            PartTimedOut: it is not ready in time.
        """
        deadline = time.monotonic() + timeout_seconds
        while not is_ready():
            self.raise_if_ended()
            if time.monotonic() > deadline:
                raise PartTimedOut(self.name, timeout_seconds, self.log_path, self.log_tail())
            time.sleep(_POLL_SECONDS)

    def raise_if_ended(self) -> None:
        """
        Check that it has not ended by itself.

        Raises:
            PartEnded: it has; with the last lines of its log.
        """
        status = self.poll()
        if status is not None:
            raise PartEnded(self.name, status, self.log_path, self.log_tail())

    def wake(self) -> None:
        """Send SIGCONT to it and its children: a stopped process (SIGSTOP) does not handle SIGTERM."""
        if self.is_running:
            for pid in (self.pid, *_children(self.pid)):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGCONT)

    def stop(self, grace_seconds: float = 10.0, *, ending: signal.Signals = signal.SIGTERM) -> int | None:
        """Send a signal, wait, then kill the group. Returns the exit status; None if it was never started."""
        if self.is_running:
            os.kill(self.pid, ending)  # not reaped yet, so the pid is valid
            with contextlib.suppress(PartTimedOut):
                self.wait(grace_seconds)
        return self.kill()

    def kill(self) -> int | None:
        """Kill the group (SIGKILL) and reap the process. Returns the exit status; None if it was never started."""
        if self._process is None:
            return None
        return self._reap(self._process) if self._process.returncode is None else self._process.returncode

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of its log."""
        try:
            with self.log_path.open("rb") as log:
                log.seek(max(0, self.log_path.stat().st_size - _TAIL_BYTES))
                return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def _reap(self, process: "subprocess.Popen[bytes]") -> int:
        """Kill the rest of the group, then reap the leader, whose pid cannot be reused before that."""
        with self._reaping:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for a group of zombies
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                cleanup.forget(process.pid)
            return process.returncode

    def _fork(self) -> "subprocess.Popen[bytes]":
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        uid = "-" if self._uid is None else str(self._uid)
        launch = [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), str(int(self._death_signal)), uid]
        path = (os.environ if self._env is None else self._env).get("PATH")
        program = shutil.which(self.argv[0], path=path) or self.argv[0]
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                [*launch, program, *self.argv[1:]],
                env=self._env,
                cwd=self._cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def _children(pid: int) -> list[int]:
    """The children of a process, in any group; empty without /proc."""
    try:
        lists = [(thread / "children").read_text() for thread in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return []
    return [int(child) for each in lists for child in each.split()]


def _has_ended(process: "subprocess.Popen[bytes]") -> bool:
    """Whether it has ended. Does not reap it where the system has WNOWAIT."""
    if hasattr(os, "waitid"):
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return process.poll() is not None
