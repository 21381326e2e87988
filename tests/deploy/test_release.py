"""The release workflow is thin and pinned: what it runs are make targets, and its actions are commits."""

import re
from pathlib import Path
from typing import Final

from tests.deploy.ops import validate

ROOT: Final = Path(__file__).parents[2]
WORKFLOW: Final = ROOT / ".github" / "workflows" / "release.yml"


def test_the_workflow_is_one_that_github_takes() -> None:
    done = validate("check-jsonschema", "--builtin-schema", "vendor.github-workflows", WORKFLOW)
    assert done.returncode == 0, done.stdout


def test_each_action_is_pinned_to_a_commit_and_says_which_version_that_is() -> None:
    used = re.findall(r"uses: (.+)", WORKFLOW.read_text())
    assert used
    for each in used:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", each), each


def test_the_make_targets_that_it_runs_exist() -> None:
    targets = set(re.findall(r"\bmake ([a-z-]+)", WORKFLOW.read_text().partition("\nname:")[2]))
    assert targets >= {"wheel", "images", "test-all"}
    assert targets <= set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
