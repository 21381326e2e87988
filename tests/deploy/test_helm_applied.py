"""
The Helm chart against a real API server: installed as the page says, changed, rolled back, taken down.

There is no node, so no container runs, and no operator acts on ScaledObjects or PodMonitors.
"""

import re
import shutil
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.deploy.cluster import Cluster
from tests.deploy.test_kubernetes import SERVICES, Resource, container
from tests.deploy.test_kubernetes_applied import Operator, commands
from tests.go_programs import BUILD_TIMEOUT_SECONDS
from tools.helm_chart.__main__ import DIRECTORY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(BUILD_TIMEOUT_SECONDS + 1_200)]

HELM: Final = """\
#!/bin/sh
export HELM_CACHE_HOME={folder}/helm HELM_CONFIG_HOME={folder}/helm HELM_DATA_HOME={folder}/helm
exec {helm} --kubeconfig {kubeconfig} "$@"
"""
PAGE: Final = "../deploy/helm/petstream/README.md"
KINDS: Final = (
    "deployments,cronjobs,networkpolicies,poddisruptionbudgets,scaledobjects,triggerauthentications,podmonitors,"
    "serviceaccounts,configmaps,secrets"
)
NOT_THE_CHARTS: Final = {"serviceaccount/default", "configmap/rds-certificates"}


class HelmOperator(Operator):
    """A person at a shell who deploys with Helm."""

    def __init__(self, cluster: Cluster, helm: Path, folder: Path) -> None:
        super().__init__(cluster, folder)
        shutil.copytree(DIRECTORY, folder / DIRECTORY)
        program = folder / "bin" / "helm"
        program.write_text(HELM.format(helm=helm, kubeconfig=cluster.kubeconfig, folder=folder))
        program.chmod(0o755)
        self.sets({})

    def sets(self, values: Resource) -> None:
        """Write the file of values."""
        (self.folder / "values.yaml").write_text(yaml.safe_dump(values))

    def applies_both(self) -> None:
        """Both releases again, as after a change of the values."""
        _, _, releases = commands(PAGE, "Install").partition("\n")
        self.types(releases)

    def templates(self) -> dict[str, Resource]:
        return {name: each["spec"]["template"] for name, each in self.sees("deployments").items()}


@pytest.fixture(scope="module")
def operator(cluster: Cluster, helm: Path, tmp_path_factory: pytest.TempPathFactory) -> HelmOperator:
    """Has followed the page."""
    person = HelmOperator(cluster, helm, tmp_path_factory.mktemp("operator"))
    _, _, jobs = commands("deploying.md", "7. Topics and tables").partition("\n")
    typed, count = re.subn(r"(?m)^chart prepare .*\n", lambda line: line[0] + jobs, commands(PAGE, "Install"))
    assert count == 1
    person.types(typed)
    return person


def test_every_command_of_the_page_ends_well(operator: HelmOperator) -> None:
    assert {name: each["status"]["succeeded"] for name, each in operator.sees("jobs").items()} == {
        "topics": 1,
        "migrate": 1,
    }
    ready = {name: each["status"].get("readyReplicas", 0) for name, each in operator.sees("deployments").items()}
    assert ready.pop("operator") == 0
    assert ready.keys() == set(SERVICES)
    assert all(ready.values()), ready
    assert set(operator.sees("scaledobjects")) == {"classifier", "sink"}
    assert set(operator.sees("podmonitors")) == set(SERVICES)
    listed = operator.types("helm list --namespace petstream --short 2>/dev/null")
    assert set(re.findall(r"(?m)^petstream-\w+$", listed)) == {"petstream-prepare", "petstream-services"}


def test_applying_again_starts_no_pods_and_leaves_the_replicas_to_those_who_scale(operator: HelmOperator) -> None:
    operator.types("kubectl --namespace petstream scale deployment/classifier --replicas 6")
    before = {name: each["metadata"]["generation"] for name, each in operator.sees("deployments").items()}
    operator.applies_both()
    after = operator.sees("deployments")
    assert {name: each["metadata"]["generation"] for name, each in after.items()} == before
    assert after["classifier"]["status"]["readyReplicas"] == 6


def test_what_somebody_scaled_by_hand_is_not_changed_before_it_is_scaled_back(operator: HelmOperator) -> None:
    scale = "kubectl --namespace petstream scale deployment/operator --replicas"
    _, _, releases = commands(PAGE, "Install").partition("\n")
    printed = operator.types(f"{scale} 1\n{releases}".replace("\nchart services", "\n! chart services"))
    assert 'conflict with "kubectl"' in printed
    assert operator.sees("deployments")["operator"]["spec"]["replicas"] == 1
    operator.types(f"{scale} 0\n{releases}")


def test_a_changed_setting_starts_new_pods_of_those_that_read_it_until_it_is_rolled_back(
    operator: HelmOperator,
) -> None:
    before = operator.templates()
    operator.sets({"settings": {"bucket": {"S3_BUCKET": "other-pets"}}})
    operator.applies_both()
    changed = operator.templates()
    assert operator.sees("configmaps")["petstream-bucket"]["data"]["S3_BUCKET"] == "other-pets"
    reading = {
        name
        for name, template in changed.items()
        if {"configMapRef": {"name": "petstream-bucket"}} in container(template)["envFrom"]
    }
    assert {name for name in changed if changed[name] != before[name]} == reading != set()
    operator.types(
        "for RELEASE in petstream-prepare petstream-services; do\n"
        '    helm rollback "$RELEASE" --namespace petstream --wait\n'
        "done"
    )
    assert operator.templates() == before
    assert operator.sees("configmaps")["petstream-bucket"]["data"]["S3_BUCKET"] == "pets-of-ours"


def test_a_new_version_is_rolled_out_image_by_image(operator: HelmOperator) -> None:
    operator.sets({"images": {"sink": {"tag": "0.2.0"}}})
    operator.applies_both()
    images = {name: container(template)["image"] for name, template in operator.templates().items()}
    assert {name for name, image in images.items() if image.endswith("petstream-sink:0.2.0")} == {
        "sink",
        "reconcile",
        "operator",
    }
    assert {name for name, image in images.items() if ":0.1.0" in image} == {"bridge", "classifier"}


def test_nothing_is_left_when_it_is_taken_down(operator: HelmOperator) -> None:
    operator.types("helm uninstall petstream-services petstream-prepare --namespace petstream --wait")
    left = operator.cluster.kubectl("--namespace", "petstream", "get", KINDS, "--output", "name")
    assert left.returncode == 0, left.stderr
    assert {re.sub(r"\.[\w.]+/", "/", line) for line in left.stdout.split()} == NOT_THE_CHARTS


def test_its_notes_say_what_to_do_next_in_whichever_namespace_it_is(operator: HelmOperator) -> None:
    operator.sets({})
    printed = operator.types(
        "sed 's/name: petstream/name: pets/' deploy/kubernetes/base/prepare/namespace.yaml | kubectl apply -f -\n"
        "kubectl --namespace pets create configmap rds-certificates --from-file=global-bundle.pem\n"
        f"helm install petstream {DIRECTORY} --namespace pets --values values.yaml"
    )
    notes = re.findall(r"(?m)^  (kubectl .+)$", printed)
    assert len(notes) == 5
    operator.types("\n".join(notes))
    assert operator.left_out()[-1] == "kubectl --namespace pets exec deployment/sink -- petstream health"
    done = operator.cluster.kubectl("--namespace", "pets", "get", "jobs", "--output", "yaml")
    assert [each["status"]["succeeded"] for each in yaml.safe_load(done.stdout)["items"]] == [1, 1]
