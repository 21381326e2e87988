"""Lists the Python packages of an environment (CycloneDX 1.6, JSON). Needs the environment that `make` makes for it."""

import subprocess
import tomllib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
CYCLONEDX: Final = ROOT / ".venv" / "sbom" / "bin" / "cyclonedx-py"


def petstream_version() -> str:
    """Of petstream, from pyproject.toml."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def list_packages(environment: Path, output: Path) -> None:
    """Write the packages of ``environment`` to ``output``; its folder is made. Raises CalledProcessError."""
    output.parent.mkdir(parents=True, exist_ok=True)
    project = ["--pyproject", str(ROOT / "pyproject.toml"), "--output-reproducible"]
    subprocess.run([CYCLONEDX, "environment", *project, "--output-file", output, environment], check=True)
