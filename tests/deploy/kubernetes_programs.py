"""
Kubernetes' API server and controllers, kubectl and etcd, built once from the Go module proxy into the user's cache.

The build takes about ten minutes of CPU time and 2 GB of disk.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Final

from tests.cached_programs import built
from tests.go_programs import go

KUBERNETES_VERSION: Final = "1.37.2"
_WHAT: Final = "Kubernetes' API server"

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
    return built(f"kubernetes-{KUBERNETES_VERSION}", _build)


def _build(folder: Path, complete: Path) -> None:
    described = go(_WHAT, "mod", "download", "-json", f"k8s.io/kubernetes@v{KUBERNETES_VERSION}", cwd=folder)
    module = json.loads(described)
    (folder / "go.mod").write_text(_requirements((Path(module["Dir"]) / "go.mod").read_text()))
    shutil.copyfile(Path(module["Dir"]) / "go.sum", folder / "go.sum")
    flags = f"-s -w -X k8s.io/component-base/version.gitVersion=v{KUBERNETES_VERSION}"
    go(_WHAT, "build", "-mod=mod", "-trimpath", "-ldflags", flags, "-o", f"{complete}/", *_PACKAGES, cwd=folder)
    (complete / "server").rename(complete / "etcd")


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
