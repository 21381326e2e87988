"""What the shell is told after Tab, in the words of its own protocol; and that neither it nor the help waits."""

import os
import subprocess
import sys

import pytest

HEAVY = (
    *("torch", "openvino", "numpy", "PIL", "aiokafka", "faust", "boto3", "obstore", "asyncpg", "psycopg"),
    *("structlog", "aiohttp", "pydantic_settings", "inference", "persistence"),
)
"""Typer itself loads pydantic, for what it is called with."""
PROGRAM = f"""
import sys
from streams.cli import main
try:
    main()
except SystemExit:
    print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""


def asked(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv[0] = 'petstream'\n{PROGRAM}", *arguments],
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("petstream rej", {"rejections"}),
        ("petstream check cl", {"classify"}),
        ("petstream topics permissions op", {"operator"}),
        ("petstream rejections replay --reason m", {"malformed_event", "missing"}),
        ("petstream records --class d", {"dog"}),
        ("petstream records --format c", {"csv"}),
        ("petstream migrate down --to 0001", {"0001.classification-records"}),
        ("petstream model export --arch efficientnet-lite2", {"efficientnet-lite2"}),
        ("petstream topics check --js", {"--json"}),
    ],
)
def test_bash_is_offered_what_goes_on_from_the_word(line: str, offered: set[str]) -> None:
    words = line.split()
    done = asked(_PETSTREAM_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1))
    assert set(done.stdout.split()) == offered
    assert done.stderr.splitlines()[-1] == "[]", "a Tab must not wait for packages"


def test_zsh_is_offered_the_same() -> None:
    done = asked(_PETSTREAM_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS="petstream rejections list --reason m")
    assert '"malformed_event"' in done.stdout
    assert '"missing"' in done.stdout
    assert "forbidden" not in done.stdout


@pytest.mark.parametrize(("shell", "said"), [("bash", "complete -o default -F"), ("zsh", "#compdef petstream")])
def test_a_shell_gets_its_script(shell: str, said: str) -> None:
    assert said in asked(_PETSTREAM_COMPLETE=f"source_{shell}").stdout


@pytest.mark.parametrize("arguments", [["--help"], ["classify", "--help"], ["model", "bench", "--help"], []])
def test_the_help_waits_for_no_package(arguments: list[str]) -> None:
    done = asked(*arguments)
    assert "Usage: petstream" in done.stdout
    assert done.stderr.splitlines()[-1] == "[]"
