"""Describes the machine and versions of a measurement."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from inference import cpus

LIBRARIES: Final = ("torch", "openvino", "pillow", "faust-streaming", "aiokafka", "obstore", "asyncpg", "numpy")


def described() -> dict[str, Any]:
    """The CPU, its cores and current load, and the versions of the libraries."""
    return {
        "processor": _model_name(),
        "processors": cpus.available(),
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES},
    }


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:  # not every machine has every engine
        return None


def _model_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
