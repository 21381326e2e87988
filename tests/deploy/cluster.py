"""
Kubernetes without nodes: a real API server with etcd, admission and controllers, on loopback.

Deployments and Jobs make pods, which are admitted or refused as anywhere. Nothing runs them: `Nodes` says they run.
"""

import contextlib
import json
import secrets
import ssl
import subprocess
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final, Self

import yaml

from deploy.local.ports import LOOPBACK, free_port
from deploy.local.processes import ChildProcess
from deploy.local.tls import self_signed
from tests.deploy.kubernetes_programs import find_programs

CRDS: Final = Path(__file__).parent / "crds"
"""The kinds that KEDA and the Prometheus operator bring."""

_START_TIMEOUT_SECONDS: Final = 180.0
_POLL_SECONDS: Final = 0.2
_CONTROLLERS: Final = (
    "cronjob-controller",
    "deployment-controller",
    "disruption-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "replicaset-controller",
    "serviceaccount-controller",
)

Object = dict[str, Any]


class Cluster:
    """
    A control plane within a context.

    Args:
        directory: Holds data, certificates and logs.

    Raises:
        PartUnavailable: if the programs cannot be had.
    """

    def __init__(self, directory: Path) -> None:
        self._programs = find_programs()
        directory.mkdir(parents=True, exist_ok=True)
        self.kubectl_program = self._programs / "kubectl"
        self.kubeconfig = directory / "kubeconfig"
        tls = self_signed(directory / "tls")
        self._address = f"https://{LOOPBACK}:{free_port()}"
        self._token = secrets.token_hex()
        self._authority = ssl.create_default_context(cafile=tls.ca_certificate)
        (directory / "tokens").write_text(f"{self._token},administrator,1,system:masters\n")
        self.kubeconfig.write_text(_kubeconfig(self._address, self._token, tls.ca_certificate))
        store, peers = f"http://{LOOPBACK}:{free_port()}", f"http://{LOOPBACK}:{free_port()}"
        self._etcd = self._process(
            directory,
            "etcd",
            f"--data-dir={directory / 'etcd'}",
            f"--listen-client-urls={store}",
            f"--advertise-client-urls={store}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",
        )
        self._api_server = self._process(
            directory,
            "kube-apiserver",
            f"--etcd-servers={store}",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={self._address.rpartition(':')[2]}",
            "--advertise-address=192.0.2.1",  # of documentation: loopback is refused, and nobody asks for it
            "--endpoint-reconciler-type=none",
            f"--tls-cert-file={tls.certificate}",
            f"--tls-private-key-file={tls.key}",
            f"--token-auth-file={directory / 'tokens'}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={tls.certificate}",  # has the public key
            f"--service-account-signing-key-file={tls.key}",
            "--service-cluster-ip-range=10.96.0.0/16",
        )
        self._controllers = self._process(
            directory,
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            f"--controllers={','.join(_CONTROLLERS)}",
            "--leader-elect=false",
            "--secure-port=0",
        )

    def __enter__(self) -> Self:
        try:
            self._etcd.start()
            self._api_server.start()
            self._api_server.wait_until(self._is_ready, timeout_seconds=_START_TIMEOUT_SECONDS)
            self._controllers.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        for process in (self._controllers, self._api_server, self._etcd):
            process.kill()

    def ask(self, method: str, path: str, body: Object | None = None) -> Any:
        """
        The API server's answer to one request, read as JSON. A body is a merge patch.

        Raises:
            urllib.error.URLError: it cannot be reached, or answers with an error.
        """
        request = urllib.request.Request(  # noqa: S310 - the address is ours
            self._address + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/merge-patch+json"},
        )
        with urllib.request.urlopen(request, timeout=30, context=self._authority) as answer:  # noqa: S310 - same
            return json.load(answer)

    def kubectl(self, *arguments: str | Path, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl to its end; `given` is its standard input."""
        return subprocess.run(
            [self.kubectl_program, "--kubeconfig", self.kubeconfig, *arguments],
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def _is_ready(self) -> bool:
        return self.kubectl("get", "--raw=/readyz").returncode == 0

    def _process(self, directory: Path, program: str, *arguments: str) -> ChildProcess:
        return ChildProcess(
            program, [str(self._programs / program), *arguments], log_path=directory / f"{program}.log", cwd=directory
        )


class Nodes:
    """Says of each pod that it is ready, or that it succeeded if it is a job's; within a context."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._report, name="nodes")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _report(self) -> None:
        while not self._stopping.wait(_POLL_SECONDS):
            with contextlib.suppress(urllib.error.URLError):  # a pod may be gone by now; the next round sees the others
                for pod in self._cluster.ask("GET", "/api/v1/pods?fieldSelector=status.phase=Pending")["items"]:
                    metadata = pod["metadata"]
                    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/status"
                    self._cluster.ask("PATCH", path, {"status": _status(metadata["labels"])})


def _status(labels: dict[str, str]) -> Object:
    if "batch.kubernetes.io/job-name" in labels:
        return {"phase": "Succeeded"}
    return {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}


def _kubeconfig(address: str, token: str, authority: Path) -> str:
    name = "tests"
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": address, "certificate-authority": str(authority)}}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )
