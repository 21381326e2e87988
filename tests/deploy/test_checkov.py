"""Checkov's opinion of deploy/aws and deploy/kubernetes, in one run: starting it takes longer than what it does."""

import re
import shutil
from pathlib import Path
from typing import Final

from tests.deploy.cloud import TEMPLATES
from tests.deploy.ops import validate
from tests.deploy.test_kubernetes import KUBERNETES, build

MEANT: Final = {
    "CKV_K8S_11": "no limit for CPU: a throttled heartbeat costs partitions",
    "CKV_K8S_43": "digests are the deployer's to pin, in release/kustomization.yaml",
    "CKV_K8S_15": "images of a version are immutable: IfNotPresent starts while the registry is away",
}


def test_checkov_finds_nothing_but_what_is_meant(tmp_path: Path) -> None:
    for template in TEMPLATES.glob("*.yaml"):
        shutil.copy(template, tmp_path)
    (tmp_path / "petstream.yaml").write_text(build(KUBERNETES / "overlays" / "example"))
    found = validate(
        *("checkov", "--skip-download", "--quiet", "--compact", "--framework", "cloudformation", "kubernetes"),
        *("--skip-check", ",".join(MEANT), "-d", tmp_path),
    )
    assert found.returncode == 0, found.stdout
    judged = re.findall(r"^(\w+) scan results:\n\nPassed checks: (\d+), Failed checks: 0", found.stdout, re.MULTILINE)
    assert {framework for framework, passed in judged if int(passed) > 50} == {"cloudformation", "kubernetes"}
