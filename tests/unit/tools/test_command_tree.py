"""Every command of ``petstream --help``, recursively: its help, its example, its options."""

import shlex
from typing import get_args

import pytest

from streams.cli import completion
from tools.command_tree import Command, every_command

ALL = list(every_command())
CALLED = [command for command in ALL if not command.is_group]
SERVE_OR_SHOW = {"bridge", "classify", "sink", "demo", "board"}
WITHOUT_JSON = {*SERVE_OR_SHOW, "migrate break-lock", "model export"}
"""They print no findings: logs that are JSON already, a page's address, a demonstration, one sentence, one path."""


def named(command: Command) -> str:
    return command.name


def test_the_whole_tree_is_walked() -> None:
    names = {command.name for command in ALL}
    assert {"petstream", "petstream check", "petstream migrate", "petstream migrate up", "petstream watch"} <= names


@pytest.mark.parametrize("command", ALL, ids=named)
def test_a_command_says_what_it_does(command: Command) -> None:
    assert command.paragraphs
    assert command.paragraphs[0].endswith((".", "?")), command.paragraphs[0]


@pytest.mark.parametrize("command", CALLED, ids=named)
def test_a_command_has_an_example_of_itself_whose_options_exist(command: Command) -> None:
    assert command.examples
    for example in command.examples:
        words = shlex.split(example)
        call = ["petstream", *command.path]
        assert any(words[at : at + len(call)] == call for at in range(len(words))), example
        mine = example.partition(command.name)[2].partition("|")[0].partition("&&")[0]
        given = {word.partition("=")[0] for word in shlex.split(mine) if word.startswith("--")}
        assert given <= command.options, example


@pytest.mark.parametrize("command", ALL, ids=named)
def test_every_parameter_has_a_meaning(command: Command) -> None:
    assert [each.written for each in command.parameters if not each.meaning] == []


@pytest.mark.parametrize("command", CALLED, ids=named)
def test_a_command_says_which_settings_it_needs(command: Command) -> None:
    assert any(paragraph.startswith("Settings: ") for paragraph in command.paragraphs), command.paragraphs


@pytest.mark.parametrize("command", CALLED, ids=named)
def test_a_command_that_prints_findings_prints_them_for_programs_too(command: Command) -> None:
    assert ("--json" in command.options) is (" ".join(command.path) not in WITHOUT_JSON)


def test_what_the_shell_offers_is_what_there_is() -> None:
    from inference.model.recipe import ARCHITECTURES, ARITHMETICS, COMPOSITIONS
    from persistence.manifest import migration_ids, migrations_folder
    from persistence.records import REASONS
    from persistence.selection import COLUMNS, OUTCOMES
    from streams.check.examine import ROLES
    from streams.contracts import RetryReason
    from streams.kafka.permissions import PERMISSIONS

    assert completion.ROLES == ROLES
    assert tuple(PERMISSIONS) == completion.PERMISSION_ROLES
    assert set(completion.reasons("")) == REASONS
    assert set(completion.retry_reasons("")) == set(get_args(RetryReason))
    assert set(completion.OUTCOMES) == set(OUTCOMES)
    assert completion.COLUMNS == COLUMNS
    assert completion.ARCHITECTURES == ARCHITECTURES
    assert tuple(COMPOSITIONS) == completion.COMPOSITIONS
    assert completion.ARITHMETICS == ARITHMETICS
    assert completion.migrations("") == list(migration_ids(migrations_folder()))


def test_the_next_column_of_a_list_is_offered_and_none_twice() -> None:
    assert completion.columns("reason,id,sou") == [
        "reason,id,source_bucket",
        "reason,id,source_key",
        "reason,id,source_sequencer",
    ]
    assert "reason,reason" not in completion.columns("reason,")
