"""Starts subprocesses that find the same modules as this process."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def command(module: str, *arguments: str) -> list[str]:
    """The argv that runs a module with this Python. -P keeps a folder of that name in the working directory out."""
    return [sys.executable, "-P", "-m", module, *arguments]


def start(
    module: str, argument: str, *, environment: Mapping[str, str], pass_fds: Sequence[int]
) -> subprocess.Popen[bytes]:
    """Start a new interpreter, not a fork, with only the given environment. Raises OSError."""
    return subprocess.Popen(
        command(module, argument),
        env={**environment, **search_path()},
        stdin=subprocess.DEVNULL,
        pass_fds=pass_fds,
    )


def exit_description(status: int) -> str:
    """An exit status as text."""
    if status >= 0:
        return f"it ended with status {status}"
    try:
        return f"it was killed by {signal.Signals(-status).name}"
    except ValueError:  # of those between SIGRTMIN and SIGRTMAX, which have no names
        return f"it was killed by signal {-status}"


def search_path() -> dict[str, str]:
    """
    The environment variables with which a child finds the parent's modules and libraries. The rest of the parent's
    environment, which has passwords, is left out.
    """
    home = str(Path(__file__).parents[1])
    libraries = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return libraries | {"PYTHONPATH": os.pathsep.join([home, *filter(None, sys.path)])}
