"""Processes of this package's own, that find the same modules as their parent, wherever it was started."""

import os
import sys
from pathlib import Path


def command(module: str, *arguments: str) -> list[str]:
    """This Python, running a module; -P: a folder of that name where it was started is not meant."""
    return [sys.executable, "-P", "-m", module, *arguments]


def search_path() -> dict[str, str]:
    """
    An environment that finds what the parent finds, modules and libraries, and holds nothing else of the parent's: that
    has passwords in it.
    """
    home = str(Path(__file__).parents[1])
    libraries = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return libraries | {"PYTHONPATH": os.pathsep.join([home, *filter(None, sys.path)])}
