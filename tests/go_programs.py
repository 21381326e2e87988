"""Runs Go, which builds programs of the Go module proxy."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from deploy.local.errors import PartUnavailable

BUILD_TIMEOUT_SECONDS: Final = 7_200


def go(what: str, *arguments: str, cwd: Path, **environment: str) -> str:
    """
    Run ``go`` and return its output.

    Raises:
        PartUnavailable: if there is no Go or it fails; the message names ``what`` and has Go's last lines.
    """
    program = shutil.which("go")
    if program is None:
        raise PartUnavailable(f"Go is not installed, so {what} cannot be built")
    try:
        done = subprocess.run(
            [program, *arguments],
            cwd=cwd,
            env=dict(os.environ) | {"CGO_ENABLED": "0"} | environment,  # none of them needs a C compiler
            capture_output=True,
            text=True,
            check=False,
            timeout=BUILD_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise PartUnavailable(f"Go did not build {what} within {error.timeout:.0f} s") from error
    if done.returncode != 0:
        said = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-5:])
        raise PartUnavailable(f"Go could not build {what}:\n{said}")
    return done.stdout
