"""
The pages' way onto Kubernetes against a real API server: what it accepts, changes, refuses and deletes.

There is no node, so no container runs, and no operator acts on ScaledObjects or PodMonitors.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.deploy.cluster import Cluster
from tests.deploy.test_kubernetes import KUBERNETES, ROOT, SERVICES, container, pods
from tests.go_programs import BUILD_TIMEOUT_SECONDS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(BUILD_TIMEOUT_SECONDS + 1_200)]

OVERLAY: Final = Path("deploy/kubernetes/overlays/example")
SETTINGS: Final = [
    (generated["name"], literal.partition("=")[0])
    for generated in yaml.safe_load((ROOT / OVERLAY / "prepare" / "kustomization.yaml").read_text())[
        "configMapGenerator"
    ]
    for literal in generated["literals"]
]
# What a cluster without nodes cannot do: run a command in a pod. And S3 is elsewhere.
STAND_IN: Final = """\
#!/bin/sh
for word; do
    if [ "$word" = exec ]; then echo "kubectl $*" >>"$LEFT_OUT"; exit 0; fi
done
exec {kubectl} --kubeconfig {kubeconfig} "$@"
"""
AWS: Final = '#!/bin/sh\necho "aws $*" >>"$LEFT_OUT"\n'

Resource = dict[str, Any]


class Operator:
    """A person at a shell, with a copy of deploy/kubernetes to edit."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self._left_out = folder / "left-out"
        shutil.copytree(KUBERNETES, folder / "deploy" / "kubernetes")
        (folder / "global-bundle.pem").write_text("of that size\n" * 13_000)  # Amazon's has 160 kB or more
        for name, text in (
            ("kubectl", STAND_IN.format(kubectl=cluster.kubectl_program, kubeconfig=cluster.kubeconfig)),
            ("aws", AWS),
            ("less", "#!/bin/sh\nexec cat\n"),
        ):
            program = folder / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(text)
            program.chmod(0o755)

    def types(self, commands: str) -> str:
        """Run them as bash does, ending at the first that fails; what they print."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-xc", commands],
            cwd=self.folder,
            env=dict(os.environ)
            | {
                "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
                "LEFT_OUT": str(self._left_out),
                "OVERLAY": str(OVERLAY),
                "BUCKET": "pets-of-ours",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        printed = done.stdout + done.stderr
        assert done.returncode == 0, printed
        assert "Warning:" not in printed, printed  # such as a pod that `restricted` would not admit
        return printed

    def left_out(self) -> list[str]:
        return self._left_out.read_text().splitlines()

    def edits(self, file: str, pattern: str, replacement: str) -> None:
        path = self.folder / OVERLAY / file
        text, count = re.subn(pattern, replacement, path.read_text())
        assert count >= 1, pattern
        path.write_text(text)

    def sees(self, kind: str) -> dict[str, Resource]:
        answer = self.cluster.kubectl("--namespace", "petstream", "get", kind, "--output", "yaml")
        assert answer.returncode == 0, answer.stderr
        return {each["metadata"]["name"]: each for each in yaml.safe_load(answer.stdout)["items"]}


def commands(page: str, section: str) -> str:
    """The shell blocks of a section, one behind the other."""
    text = (ROOT / "docs" / page).read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    assert blocks, section
    return "\n".join(blocks)


@pytest.fixture(scope="module")
def operator(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    """Has followed the page from its step 6 to its end."""
    person = Operator(cluster, tmp_path_factory.mktemp("operator"))
    for section in ("6. Settings", "7. Topics and tables", "8. Services"):
        person.types(commands("deploying.md", section))
    return person


def test_every_command_of_the_page_ends_well(operator: Operator) -> None:
    assert {name: each["status"]["succeeded"] for name, each in operator.sees("jobs").items()} == {
        "topics": 1,
        "migrate": 1,
    }
    ready = {name: each["status"].get("readyReplicas") for name, each in operator.sees("deployments").items()}
    assert ready.keys() == {*SERVICES, "operator"}
    assert all(ready.values()), ready
    assert set(operator.sees("scaledobjects")) == {"classifier", "sink"}
    assert set(operator.sees("podmonitors")) == set(SERVICES)
    assert {re.split(r" -- | s3 ", line)[0] for line in operator.left_out()} == {
        "aws",
        "kubectl --namespace petstream exec deployment/sink",
        "kubectl --namespace petstream exec deployment/operator",
    }


def test_a_pod_that_is_not_hardened_is_refused(operator: Operator) -> None:
    built = operator.cluster.kubectl("kustomize", operator.folder / OVERLAY)
    resources = list(yaml.safe_load_all(built.stdout))
    for name, template in pods(resources):
        pod = template | {"apiVersion": "v1", "kind": "Pod"}
        pod["metadata"] |= {"name": name, "namespace": "petstream"}
        tried = ("create", "--dry-run=server", "-f", "-")
        admitted = operator.cluster.kubectl(*tried, given=yaml.safe_dump(pod))
        assert admitted.returncode == 0, admitted.stderr
        del container(pod)["securityContext"]
        refused = operator.cluster.kubectl(*tried, given=yaml.safe_dump(pod))
        assert 'violates PodSecurity "restricted' in refused.stderr, name


@pytest.mark.parametrize(("kept_in", "setting"), SETTINGS)
def test_a_changed_setting_starts_new_pods_of_those_that_read_it(
    kept_in: str, setting: str, operator: Operator
) -> None:
    before = operator.sees("deployments")
    operator.edits("prepare/kustomization.yaml", rf"(name: {kept_in}\n(?:.*\n)*?\s+- {setting}=.*)", r"\g<1>1")
    operator.types(
        'kubectl apply -k "$OVERLAY"\n'
        "kubectl --namespace petstream rollout status deployment/bridge deployment/classifier deployment/sink"
    )
    after = operator.sees("deployments")
    renewed = {name for name in after if after[name]["spec"]["template"] != before[name]["spec"]["template"]}
    reading = {
        name
        for name, each in after.items()
        for source in container(each["spec"]["template"])["envFrom"]
        if source["configMapRef"]["name"].startswith(f"{kept_in}-")
    }
    assert renewed == reading != set()


def test_a_new_version_is_prepared_and_rolled_out(operator: Operator) -> None:
    operator.edits("release/kustomization.yaml", r"newTag: 0\.1\.0", "newTag: 0.2.0")
    operator.types("kubectl --namespace petstream delete deployment sink")  # the runbook's step 3
    operator.types(commands("deploying.md", "7. Topics and tables"))
    operator.types(commands("runbook.md", "Upgrading"))
    running = [*operator.sees("jobs").values(), *operator.sees("deployments").values()]
    assert len(running) == len(SERVICES) + 3
    for each in running:
        assert ":0.2.0" in container(each["spec"]["template"])["image"], each["metadata"]["name"]


def test_applying_again_leaves_the_replicas_to_those_who_scale(operator: Operator) -> None:
    operator.types("kubectl --namespace petstream scale deployment/classifier --replicas 6")
    operator.types('kubectl apply -k "$OVERLAY"\nkubectl --namespace petstream rollout status deployment/classifier')
    assert operator.sees("deployments")["classifier"]["status"]["readyReplicas"] == 6


def test_nothing_is_left_when_it_is_taken_down(operator: Operator) -> None:
    operator.types('kubectl delete -k "$OVERLAY"')
    gone = operator.cluster.kubectl("get", "namespace", "petstream")
    assert "NotFound" in gone.stderr
