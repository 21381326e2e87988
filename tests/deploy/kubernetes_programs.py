"""
Kubernetes' API server and controllers, kubectl and etcd, built once from the Go module proxy into the user's cache.

The build takes about ten minutes of CPU time and 2 GB of disk.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from platformdirs import user_cache_path

from deploy.local.errors import PartUnavailable

KUBERNETES_VERSION: Final = "1.37.2"
BUILD_TIMEOUT_SECONDS: Final = 7_200

_PACKAGES: Final = (
    "k8s.io/kubernetes/cmd/kube-apiserver",
    "k8s.io/kubernetes/cmd/kube-controller-manager",
    "k8s.io/kubernetes/cmd/kubectl",
    "go.etcd.io/etcd/server/v3",
)


def find_programs() -> Path:
    """
    The folder of etcd, kube-apiserver, kube-controller-manager and kubectl; built if an earlier call did not.

    Raises:
        PartUnavailable: if there is no Go or it cannot build them; the message has its last lines.
    """
    directory = user_cache_path("petstream") / f"kubernetes-{KUBERNETES_VERSION}"
    if not directory.is_dir():  # a folder of that name is complete: it is renamed into place
        _build(directory)
    return directory


def _build(directory: Path) -> None:
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f"{directory.name}-") as name:
        folder = Path(name)
        module = json.loads(_go("mod", "download", "-json", f"k8s.io/kubernetes@v{KUBERNETES_VERSION}", cwd=folder))
        (folder / "go.mod").write_text(_requirements((Path(module["Dir"]) / "go.mod").read_text()))
        shutil.copyfile(Path(module["Dir"]) / "go.sum", folder / "go.sum")
        complete = folder / "complete"
        flags = f"-s -w -X k8s.io/component-base/version.gitVersion=v{KUBERNETES_VERSION}"
        _go("build", "-mod=mod", "-trimpath", "-ldflags", flags, "-o", f"{complete}/", *_PACKAGES, cwd=folder)
        (complete / "server").rename(complete / "etcd")
        try:
            complete.rename(directory)
        except OSError:
            if not directory.is_dir():  # another process built them first
                raise


def _requirements(theirs: str) -> str:
    """
    Kubernetes' go.mod as that of a module which requires Kubernetes.

    Theirs takes Kubernetes' own libraries from folders of its repository, which its module leaves out. Each is a module
    of its own, whose version has a 0 in front instead of the 1.
    """
    libraries = re.sub(
        r"(k8s\.io/\S+) => \./staging/src/\S+", rf"\1 => \1 v0.{KUBERNETES_VERSION.partition('.')[2]}", theirs
    )
    ours = re.sub(r"(?m)^module .*", "module petstream/kubernetes", libraries)
    ours = re.sub(r"(?m)^godebug .*", "", ours)  # of the main module only
    return f"{ours}\nrequire k8s.io/kubernetes v{KUBERNETES_VERSION}\n"


def _go(*arguments: str, cwd: Path) -> str:
    go = shutil.which("go")
    if go is None:
        raise PartUnavailable("Go is not installed, so Kubernetes' API server cannot be built")
    try:
        done = subprocess.run(
            [go, *arguments],
            cwd=cwd,
            env=dict(os.environ) | {"CGO_ENABLED": "0"},  # none of them needs a C compiler
            capture_output=True,
            text=True,
            check=False,
            timeout=BUILD_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise PartUnavailable(f"Go did not build Kubernetes' API server within {error.timeout:.0f} s") from error
    if done.returncode != 0:
        said = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-5:])
        raise PartUnavailable(f"Go could not build Kubernetes' API server:\n{said}")
    return done.stdout
