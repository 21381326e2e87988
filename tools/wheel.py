"""
Builds what is published, the source archive and the wheel, both with the model file: `make wheel`.

From a copy of the files that git knows or would take, so that nothing else gets in, and nothing is left behind in the
tree. docs/decisions/0028 says why the model file is made here.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer

from inference.model.file import without_module
from inference.model.recipe import shipped_model
from streams.classify.model_artifact import exported
from tools.sbom import list_packages, petstream_version

ROOT: Final = Path(__file__).parents[1]
UV: Final = Path(sys.prefix) / "bin" / "uv"
DESCRIBED: Final = "local,msk,tracing"
"""The extras of a deployment and of the demo. Those with torch depend on the build of PyTorch that is chosen."""


def sources() -> list[str]:
    """The files of the project, relative to its folder. Raises CalledProcessError outside a git checkout."""
    asked = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def build(output: Path) -> None:
    """Build both into ``output``. The same commit gives the same bytes, on one kind of processor."""
    committed = ["git", "log", "-1", "--format=%ct"]
    seconds = subprocess.run(committed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    with tempfile.TemporaryDirectory(prefix="petstream-wheel-") as folder:
        copy = Path(folder)
        for name in sources():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
        model = exported(None, None, typer.echo, arithmetic="int8")
        (copy / shipped_model().relative_to(ROOT)).write_bytes(without_module(model.read_bytes()))
        # Without --wheel, uv builds the wheel from the source archive, which is so proven to be whole.
        command: list[str | Path] = [UV, "build", "--quiet", "--out-dir", output, copy]
        subprocess.run(command, env=os.environ | {"SOURCE_DATE_EPOCH": seconds}, check=True)
    (output / ".gitignore").unlink(missing_ok=True)  # uv's


def describe_wheel(wheel: Path, output: Path) -> None:
    """Write the packages that the wheel brings to ``output``: those of the lock. Raises CalledProcessError."""
    with tempfile.TemporaryDirectory(prefix="petstream-sbom-") as folder:
        environment = Path(folder) / "app"
        subprocess.run([UV, "venv", "--quiet", environment], check=True)
        install: list[str | Path] = [UV, "pip", "install", "--quiet", "--python", environment]
        packages = ["-c", "requirements.lock", f"petstream[{DESCRIBED}] @ {wheel.as_uri()}"]
        subprocess.run([*install, *packages], cwd=ROOT, check=True)
        list_packages(environment, output)


def main(
    output: Annotated[Path, typer.Option(help="folder for the archive and the wheel")] = ROOT / "dist",
    sbom: Annotated[Path | None, typer.Option(help="folder for the list of packages; none: it is not made")] = None,
) -> None:
    """Build the source archive and the wheel, and describe the wheel's packages."""
    output = output.resolve()
    build(output)
    (wheel,) = output.glob(f"petstream-{petstream_version()}-*.whl")
    for made in (*output.glob(f"petstream-{petstream_version()}.tar.gz"), wheel):
        typer.echo(f"{made}  {made.stat().st_size / 1e6:.1f} MB")
    if sbom is not None:
        listed = sbom / "petstream.cdx.json"
        describe_wheel(wheel, listed)
        typer.echo(listed)


if __name__ == "__main__":
    typer.run(main)
