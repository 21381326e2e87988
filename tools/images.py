"""
Builds and tags the images of deploy/docker/Dockerfile, each with a list of its packages: `make images`.

The list (CycloneDX 1.6, JSON) covers the Python packages of an image, petstream included. It covers neither the base
image, whose publisher describes it, nor the model's file, whose manifest does.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from tools.sbom import list_packages, petstream_version

ROOT: Final = Path(__file__).parents[1]
DOCKERFILE: Final = ROOT / "deploy" / "docker" / "Dockerfile"
PACKAGES: Final = "/app/lib/python3.11/site-packages"


@dataclass(frozen=True, slots=True)
class Image:
    """A target of the Dockerfile, and what its image is called."""

    target: str
    name: str
    suffix: str = ""

    def tag(self, prefix: str, version: str) -> str:
        """Such as registry.example/you/petstream-classify:0.1.0-cpu."""
        return f"{prefix}{self.name}:{version}{self.suffix}"


# In the order of the Dockerfile: the classic builder then builds each stage once.
IMAGES: Final = (
    Image("bridge", "petstream-bridge"),
    Image("store", "petstream-store"),
    Image("sink", "petstream-sink"),
    Image("board", "petstream-board"),
    Image("classify-cpu", "petstream-classify", "-cpu"),
    Image("classify-cuda", "petstream-classify", "-cuda"),
)
CUDA: Final = "classify-cuda"


def build(image: Image, tag: str, flags: Sequence[str]) -> None:
    """Build one image. Raises CalledProcessError."""
    named = ["--file", str(DOCKERFILE), "--target", image.target, "--tag", tag]
    subprocess.run(["docker", "build", *flags, *named, str(ROOT)], check=True)


def describe(tag: str, output: Path) -> None:
    """Write the image's Python packages to ``output``, without starting the image. Raises CalledProcessError."""
    with tempfile.TemporaryDirectory(prefix="petstream-sbom-") as folder:
        environment = Path(folder) / "app"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
        (packages,) = environment.glob("lib/python3*/site-packages")
        container = subprocess.run(["docker", "create", tag], check=True, capture_output=True, text=True).stdout.strip()
        try:
            subprocess.run(["docker", "cp", f"{container}:{PACKAGES}/.", packages], check=True, capture_output=True)
        finally:
            subprocess.run(["docker", "rm", container], check=True, capture_output=True)
        list_packages(environment, output)


def main(
    targets: Annotated[list[str] | None, typer.Argument(help="targets of the Dockerfile; all but CUDA's")] = None,
    prefix: Annotated[str, typer.Option(help="of the names, such as registry.example/you/")] = "",
    flag: Annotated[list[str] | None, typer.Option(help="one more word for `docker build`")] = None,
    sbom: Annotated[Path, typer.Option(help="folder for the lists of packages")] = ROOT / "build" / "sbom",
) -> None:
    """Build, tag and describe the images."""
    chosen = [image for image in IMAGES if image.target in (targets or {each.target for each in IMAGES} - {CUDA})]
    if unknown := set(targets or ()) - {image.target for image in chosen}:
        raise typer.BadParameter(f"no such target: {', '.join(sorted(unknown))}")
    for image in chosen:
        tag = image.tag(prefix, petstream_version())
        build(image, tag, flag or ())
        listed = sbom / f"{image.name}-{petstream_version()}{image.suffix}.cdx.json"
        describe(tag, listed)
        typer.echo(f"{tag}  {listed}")


if __name__ == "__main__":
    typer.run(main)
