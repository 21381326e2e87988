"""What the shell is told after Tab, in the words of its own protocol; and that neither it nor the help waits."""

import json
import subprocess
import sys

from tests.commands import kept

HEAVY = (
    *("torch", "openvino", "numpy", "PIL", "aiokafka", "faust", "boto3", "obstore", "asyncpg", "psycopg"),
    *("structlog", "aiohttp", "pydantic_settings", "inference", "persistence"),
)
"""Typer itself loads pydantic, for what it is called with."""
PROGRAM = f"""
import contextlib, io, json, os, sys
from streams.cli import main
answers = []
for words, environment in json.loads(sys.argv[1]):
    os.environ.update(environment)
    sys.argv = ["petstream", *words]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        main()
    for name in environment:
        del os.environ[name]
    answers.append((out.getvalue(), [name for name in {HEAVY!r} if name in sys.modules]))
print(json.dumps(answers))
"""


def asked(*calls: tuple[list[str], dict[str, str]]) -> list[tuple[str, list[str]]]:
    """What each call prints and which heavy packages are loaded then: one process, which a shell starts for each."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(calls)], env=kept(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [(out, loaded) for out, loaded in json.loads(done.stdout)]


LINES = {
    "petstream rej": {"rejections"},
    "petstream check cl": {"classify"},
    "petstream topics permissions op": {"operator"},
    "petstream rejections replay --reason m": {"malformed_event", "missing"},
    "petstream records --class d": {"dog"},
    "petstream records --format c": {"csv"},
    "petstream migrate down --to 0001": {"0001.classification-records"},
    "petstream model export --arch efficientnet-lite2": {"efficientnet-lite2"},
    "petstream topics check --js": {"--json"},
}


def test_bash_is_offered_what_goes_on_from_the_word_and_a_tab_waits_for_no_package() -> None:
    calls: list[tuple[list[str], dict[str, str]]] = [
        ([], {"_PETSTREAM_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)})
        for line in LINES
    ]
    for (line, offered), (printed, loaded) in zip(LINES.items(), asked(*calls), strict=True):
        assert set(printed.split()) == offered, line
        assert loaded == [], line


def test_zsh_is_offered_the_same_and_each_shell_gets_its_script() -> None:
    (offered, _), (bash, _), (zsh, _) = asked(
        ([], {"_PETSTREAM_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "petstream rejections list --reason m"}),
        ([], {"_PETSTREAM_COMPLETE": "source_bash"}),
        ([], {"_PETSTREAM_COMPLETE": "source_zsh"}),
    )
    assert '"malformed_event"' in offered
    assert '"missing"' in offered
    assert "forbidden" not in offered
    assert "complete -o default -F" in bash
    assert "#compdef petstream" in zsh


def test_the_help_waits_for_no_package() -> None:
    calls = [["--help"], ["classify", "--help"], ["model", "bench", "--help"], []]
    for words, (printed, loaded) in zip(calls, asked(*((words, {}) for words in calls)), strict=True):
        assert "Usage: petstream" in printed, words
        assert loaded == [], words
