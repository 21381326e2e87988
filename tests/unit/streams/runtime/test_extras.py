"""The extra that a message names is the one that has the missing package."""

import ast
import json
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from inference.errors import MissingExtra
from streams.runtime import remedies
from streams.runtime.installing import install_command
from streams.runtime.remedies import explained

ROOT = Path(remedies.__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
NOT_INSTALLED_BY_USERS = {"bench", "dev"}


def name(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found is not None
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def contents(extra: str) -> set[str]:
    """The distributions of an extra, with those of the extras that it includes."""
    found = set()
    for requirement in EXTRAS[extra]:
        if included := re.match(r"petstream\[(.+)\]", requirement):
            found |= set().union(*map(contents, included[1].split(",")))
        else:
            found.add(name(requirement))
    return found


def imported() -> set[str]:
    """The roots of all modules that the packages import."""
    found = set()
    for package in ("streams", "persistence", "inference", "deploy/local"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names


def missing(module: str, command: tuple[str, ...] = ()) -> str:
    found = explained(ModuleNotFoundError(name=module), command)
    return "" if found is None else found.remedy


def test_every_package_of_an_extra_is_told_with_an_extra_that_has_it() -> None:
    core = {name(each) for each in PROJECT["dependencies"]}
    distributions = packages_distributions()
    for module in sorted(imported()):
        of = {name(each) for each in distributions.get(module, [])}
        having = {extra for extra in EXTRAS if of & contents(extra)} - NOT_INSTALLED_BY_USERS
        if of & core or not having:
            continue
        said = re.fullmatch(r"pip install .*\[(\w+)\]'", missing(module))
        assert said is not None, module
        assert said[1] in having, module


@pytest.mark.parametrize(
    ("module", "command", "extra"),
    [
        ("asyncpg", ("sink",), "sink"),
        ("asyncpg", ("board",), "board"),
        ("asyncpg", ("demo", "~/Pictures"), "local"),
        ("torch", ("classify",), "torch"),
        ("torch", ("demo", "--once"), "local,torch"),
        ("numpy", ("model", "evaluate"), "classify"),
        ("numpy", ("model", "export"), "model"),
        ("numpy", ("model", "quantize"), "classify"),
        ("timm", ("model", "ranges"), "model"),
        ("torch", ("model", "export"), "model"),
        ("torch", ("model", "cascade"), "model"),
        ("aws_msk_iam_sasl_signer.x", ("board",), "board,msk"),
        ("aws_msk_iam_sasl_signer.x", ("sink",), "msk"),
    ],
)
def test_a_command_names_the_extra_that_has_all_it_needs(module: str, command: tuple[str, ...], extra: str) -> None:
    assert missing(module, command) == install_command(extra)


def test_what_inference_lacks_is_told_with_what_the_command_needs_besides() -> None:
    found = explained(MissingExtra("an export needs torch", "model"), ("demo", "--once"))
    assert found is not None
    assert found.text == f"an export needs torch, which is not installed: {install_command('local,model')}"
    assert found.exit_code == 2


@pytest.mark.parametrize(
    ("recorded", "command"),
    [
        (None, "pip install 'petstream[sink]'"),
        (
            {"url": "file:///a/petstream-1.whl", "archive_info": {}},
            "pip install 'petstream[sink] @ file:///a/petstream-1.whl'",
        ),
        ({"url": "file:///a/clone", "dir_info": {"editable": True}}, "pip install -e '/a/clone[sink]'"),
        ({"url": "file:///my%20own/clone", "dir_info": {"editable": True}}, "pip install -e '/my own/clone[sink]'"),
        ({"url": "file:///a/clone", "dir_info": {}}, "pip install 'petstream[sink] @ file:///a/clone'"),
        (
            {"url": "https://git.example/p.git", "vcs_info": {"vcs": "git", "commit_id": "4f1"}},
            "pip install 'petstream[sink] @ git+https://git.example/p.git@4f1'",
        ),
    ],
    ids=["index", "wheel", "clone", "clone with a blank", "folder", "repository"],
)
def test_an_extra_is_installed_from_where_petstream_came(
    recorded: dict[str, object] | None, command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "petstream-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Name: petstream\nVersion: 1\n")
    if recorded is not None:
        (folder / "direct_url.json").write_text(json.dumps(recorded))
    monkeypatch.syspath_prepend(tmp_path)
    assert install_command("sink") == command


def test_a_file_that_its_package_lacks_is_told_with_the_package() -> None:
    error = FileNotFoundError("no weights")
    error.__cause__ = ModuleNotFoundError(name="timm")
    found = explained(error)
    assert found is not None
    assert found.remedy == install_command("model")


def test_the_commands_extras_have_what_they_are_said_to_include() -> None:
    for extra, included in remedies.INCLUDED_IN.items():
        assert set().union(*map(contents, included)) <= contents(extra), extra
    assert set(remedies.EXTRA_OF_COMMAND.values()) <= EXTRAS.keys()


def documents() -> list[Path]:
    return [
        path
        for package in ("streams", "inference", "persistence", "deploy")
        for path in ROOT.glob(f"{package}/**/*.py")
    ]


def test_an_extra_in_a_message_exists_and_can_be_pasted() -> None:
    for path in documents():
        for line in path.read_text().splitlines():
            for extra in re.findall(r"petstream\[(\w+)\]", line):
                assert extra in EXTRAS, f"{path}: {line}"
            assert not re.search(r"install petstream\[", line), f"a shell reads the brackets: {path}: {line}"
