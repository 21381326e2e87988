"""The settings that a second terminal sources: quoted for a shell, and for nobody else to read."""

import os
from pathlib import Path

import pytest

from streams.demo.preparation import named_settings
from streams.demo.settings_file import write_settings


def test_the_file_can_be_read_by_its_owner_alone_from_the_start(tmp_path: Path) -> None:
    file = tmp_path / "settings.sh"
    before = os.umask(0)
    try:
        write_settings(file, {"DATABASE_PASSWORD": "x"})
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        write_settings(file, {})


def test_every_value_is_one_word_for_a_shell(tmp_path: Path) -> None:
    values = {"A": 'it\'s "here" $(id) `id` \\', "B": "", "C": "two\nlines", "D": "zo\u00eb; exit 3"}
    write_settings(tmp_path / "settings.sh", values)
    lines = (tmp_path / "settings.sh").read_text("utf-8")
    assert lines.splitlines()[1:] == [
        """export A='it\'"\'"\'s "here" $(id) `id` \\'""",
        "export B=''",
        "export C='two",
        "lines'",
        "export D='zo\u00eb; exit 3'",
    ]


def test_what_the_environment_adds_for_the_second_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        monkeypatch.delenv(name)
    given = {
        "KAFKA_SASL_PASSWORD": "secret",
        "kafka_topic_prefix": "mine-",
        "AWS_SESSION_TOKEN": "token",
        "AWS_ODD-NAME": "x",
        "LOG_LEVEL": "",
        "BOARD_PORT": "8480",
        "HEALTH_PORT": "9100",
        "HOME": "/home/ann",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert list(named_settings()) == ["KAFKA_SASL_PASSWORD", "kafka_topic_prefix", "AWS_SESSION_TOKEN"]
