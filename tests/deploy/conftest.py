from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.errors import PartUnavailable
from tests.absent import cannot_run
from tests.deploy.cloud import Cloud
from tests.deploy.cluster import CRDS, Cluster, Nodes
from tests.deploy.kubernetes_clients import find_client
from tests.deploy.stacks import Deployed, deploy


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """An AWS of our own, empty."""
    try:
        made = Cloud(tmp_path_factory.mktemp("cloud"))
    except PartUnavailable as missing:
        cannot_run(str(missing))
    with made:
        yield made


@pytest.fixture(scope="session")
def deployed(cloud: Cloud) -> Deployed:
    """deploy/aws, deployed."""
    return deploy(cloud)


@pytest.fixture(scope="session")
def helm() -> Path:
    """The program."""
    try:
        return find_client("helm")
    except PartUnavailable as missing:
        cannot_run(str(missing))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Kubernetes of the module's own, without nodes. It knows the kinds of KEDA and the Prometheus operator."""
    try:
        made = Cluster(tmp_path_factory.mktemp("cluster"))
    except PartUnavailable as missing:
        cannot_run(str(missing))
    with made, Nodes(made):
        for definition in CRDS.glob("*.yaml"):
            assert made.kubectl("apply", "--server-side", "-f", definition).returncode == 0
        waited = made.kubectl("wait", "--for=condition=established", "--timeout=60s", "crd", "--all")
        assert waited.returncode == 0, waited.stderr
        yield made
