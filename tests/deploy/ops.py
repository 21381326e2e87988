"""The validators of deploy/ops.lock, which live in an environment of their own: their pins would bind ours."""

import os
import subprocess
import sys
from pathlib import Path

from tests.absent import cannot_run

DIRECTORY = Path(sys.prefix) / "ops" / "bin"


def validate(tool: str, *arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a validator; what it prints and its exit status are the answer. Skips where it is not installed."""
    program = DIRECTORY / tool
    if not program.exists():
        cannot_run(f"{tool} is not installed: make setup does it")
    return subprocess.run(
        [program, *arguments], cwd=cwd, capture_output=True, text=True, timeout=120, check=False, env=dict(os.environ)
    )
