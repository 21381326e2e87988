"""docs/deploying.md: commands that parse, and that name templates, parameters, roles and paths which exist."""

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest
from typer.main import get_command

from streams.cli import app
from tests.deploy.test_aws_templates import template

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "deploying.md").read_text()
BLOCKS: Final = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
COMMANDS: Final = "\n".join(BLOCKS).replace("\\\n", " ")


def test_every_block_is_shell() -> None:
    assert len(BLOCKS) >= 9
    for block in BLOCKS:
        checked = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, ""), block


@pytest.mark.parametrize("name", ["ingest.yaml", "kafka.yaml", "database.yaml", "roles.yaml"])
def test_each_stack_gets_the_parameters_that_it_needs_and_no_others(name: str) -> None:
    (line,) = re.findall(rf"--template-file deploy/aws/{name}(.*)", COMMANDS)
    given = set(re.findall(r"(?<![\w$])([A-Z]\w+)=", line))
    parameters = template(name)["Parameters"]
    needed = {parameter for parameter, described in parameters.items() if "Default" not in described}
    assert needed <= given <= set(parameters)
    makes_roles = any(made["Type"].startswith("AWS::IAM::") for made in template(name)["Resources"].values())
    assert ("--capabilities CAPABILITY_IAM" in line) == makes_roles


def test_outputs_that_are_asked_for_exist() -> None:
    asked = re.findall(r"output (petstream-\w+) (\w+)", COMMANDS)
    assert len(asked) > 5
    for stack, output in asked:
        assert output in template(stack.removeprefix("petstream-") + ".yaml")["Outputs"], output


def test_every_role_is_given_to_the_service_account_that_it_trusts() -> None:
    given = {
        role: (namespace, account)
        for namespace, account, role in re.findall(r"^associate (\S+) (\S+) (\S+)$", COMMANDS, re.MULTILINE)
    }
    assert set(given) == set(template("roles.yaml")["Outputs"])
    text = (ROOT / "deploy" / "aws" / "roles.yaml").read_text()
    assert {account for _, account in given.values()} == set(re.findall(r"kubernetes-service-account: (\S+)", text))


def test_every_path_on_the_page_exists() -> None:
    named = set(re.findall(r"\b((?:deploy|tests|migrations)/[\w./-]*\w)", PAGE))
    assert len(named) > 10
    for path in named:
        assert (ROOT / path).exists(), path
    for link in re.findall(r"\]\((?!https:|#)([^)#]+)", PAGE):
        assert (ROOT / "docs" / link).exists(), link


def test_every_petstream_command_on_the_page_exists() -> None:
    for line in re.findall(r"(?:-- |`)petstream ((?:[a-z-]+ ?)+)", PAGE):
        group = get_command(app)
        for word in line.split():
            if not hasattr(group, "commands"):
                break
            assert word in group.commands, line
            group = group.commands[word]


def test_images_are_built_as_the_overlay_names_them() -> None:
    release = (ROOT / "deploy" / "kubernetes" / "overlays" / "example" / "release" / "kustomization.yaml").read_text()
    wanted = set(re.findall(r"name: (petstream-\w+),.*newTag: (\S+)}", release))
    built = re.findall(r"^build (\S+) (\S+) (\S+)$", COMMANDS, re.MULTILINE)
    assert {(name, tag) for _, name, tag in built} == wanted
    dockerfile = (ROOT / "deploy" / "docker" / "Dockerfile").read_text()
    for target, _, _ in built:
        assert f" AS {target}\n" in dockerfile
