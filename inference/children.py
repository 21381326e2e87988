"""Processes of this package's own, that find the same modules as their parent, wherever it was started."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def command(module: str, *arguments: str) -> list[str]:
    """This Python, running a module; -P: a folder of that name where it was started is not meant."""
    return [sys.executable, "-P", "-m", module, *arguments]


def start(
    module: str, argument: str, *, environment: Mapping[str, str], pass_fds: Sequence[int]
) -> subprocess.Popen[bytes]:
    """A new interpreter, no fork: no locks, no torch, and no environment but what is given. Raises OSError."""
    return subprocess.Popen(
        command(module, argument),
        env={**environment, **search_path()},
        stdin=subprocess.DEVNULL,
        pass_fds=pass_fds,
    )


def how_it_ended(status: int) -> str:
    """An exit status in words."""
    if status >= 0:
        return f"it ended with status {status}"
    try:
        return f"it was killed by {signal.Signals(-status).name}"
    except ValueError:  # of those between SIGRTMIN and SIGRTMAX, which have no names
        return f"it was killed by signal {-status}"


def search_path() -> dict[str, str]:
    """
    An environment that finds what the parent finds, modules and libraries, and holds nothing else of the parent's: that
    has passwords in it.
    """
    home = str(Path(__file__).parents[1])
    libraries = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return libraries | {"PYTHONPATH": os.pathsep.join([home, *filter(None, sys.path)])}
