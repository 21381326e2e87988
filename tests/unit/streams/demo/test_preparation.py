"""What the environment names is tried before the demo starts anything; a mistake is one sentence with its setting."""

import asyncio
import io
import os
from pathlib import Path
from typing import Any, NoReturn

import pytest
from aiokafka.errors import KafkaConnectionError
from rich.console import Console

from persistence.errors import MisconfiguredDatabase
from streams.demo import demo, preparation
from streams.demo.ports import PORTS, choose_ports
from streams.demo.preparation import check_settings, try_services
from streams.runtime.settings import InvalidSettingsError

OWN = {"retry_delays": "2,5,15"}


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        monkeypatch.delenv(name)


def test_without_settings_there_is_nothing_to_complain_of() -> None:
    check_settings(OWN)
    assert asyncio.run(try_services()) == []


def test_the_mistakes_of_all_processes_are_told_together_and_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"BATCH_MAX_SIZE": "many", "LOG_LEVEL": "loud", "SINK_BATCH_MAX_ROWS": "0", "BOARD_VIEWERS_MAX": "x"}
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSettingsError) as raised:
        check_settings({"retry_delays": "1"})
    head, *lines = str(raised.value).splitlines()
    assert head == "Set these environment variables:"
    assert sorted(line.split()[0] for line in lines) == sorted([*wrong, "RETRY_DELAYS"])


def test_a_service_that_is_named_needs_its_settings_and_one_that_is_not_needs_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_PORT", "none")
    check_settings(OWN)
    monkeypatch.setenv("DATABASE_HOST", "db.example")
    with pytest.raises(InvalidSettingsError, match=r"DATABASE_PORT.*'none' is not a whole number"):
        check_settings(OWN)
    monkeypatch.setenv("DATABASE_PORT", "5432")
    with pytest.raises(InvalidSettingsError, match="DATABASE_PASSWORD"):
        check_settings(OWN)
    monkeypatch.setenv("DATABASE_PASSWORD", "x")
    check_settings(OWN)


def test_a_port_that_is_named_and_in_use_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "is_free", lambda port: port != 8480)
    monkeypatch.setenv("BOARD_PORT", "8481")
    check_settings(OWN)
    monkeypatch.setenv("BOARD_PORT", "8480")
    with pytest.raises(preparation.UnusableError, match=r"Port 8480 of 127\.0\.0\.1 is in use: set BOARD_PORT"):
        check_settings(OWN)


def test_a_model_that_is_no_file_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "model.pt").touch()
    for usable in (str(tmp_path / "model.pt"), "s3://models/model.pt", ""):
        monkeypatch.setenv("MODEL_URI", usable)
        check_settings(OWN)
    monkeypatch.setenv("MODEL_URI", str(tmp_path / "other.pt"))
    with pytest.raises(
        preparation.UnusableError, match=r"MODEL_URI names .*other\.pt, and there is no such file: name"
    ):
        check_settings(OWN)


def test_each_service_that_cannot_be_used_is_a_sentence_with_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    named = {
        "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
        "DATABASE_HOST": "db",
        "DATABASE_PASSWORD": "x",
        "S3_ENDPOINT_URL": "http://store",
    }
    for name, value in named.items():
        monkeypatch.setenv(name, value)

    async def no_kafka() -> NoReturn:
        raise KafkaConnectionError("Unable to bootstrap")

    async def no_database() -> NoReturn:
        raise MisconfiguredDatabase("no such database", sqlstate="3D000")

    async def hangs() -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(preparation, "_try_kafka", no_kafka)
    monkeypatch.setattr(preparation, "_try_database", no_database)
    monkeypatch.setattr(preparation, "_try_store", hangs)
    monkeypatch.setattr(preparation, "ANSWER_SECONDS", 0)
    kafka, database, store = asyncio.run(try_services())
    assert kafka.startswith("No Kafka broker answers: ")
    assert kafka.endswith("(KAFKA_BOOTSTRAP_SERVERS=kafka:9092)")
    assert "Look at DATABASE_NAME." in database
    assert store == "http://store gives no answer within 0 s. Look at S3_ENDPOINT_URL."


@pytest.mark.parametrize(
    ("setting", "value"), [("BATCH_MAX_SIZE", "many"), ("KAFKA_BOOTSTRAP_SERVERS", "kafka:9092"), ("", "no-folder")]
)
def test_a_mistake_ends_the_demo_before_anything_starts(
    setting: str, value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def starts(*_given: Any, **_named: Any) -> NoReturn:
        raise AssertionError("it starts")

    async def no_kafka() -> NoReturn:
        raise KafkaConnectionError("Unable to bootstrap")

    monkeypatch.setattr(demo, "Stack", starts)
    monkeypatch.setattr(demo, "default_model", starts)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(preparation, "_try_kafka", no_kafka)
    if setting:
        monkeypatch.setenv(setting, value)
        (tmp_path / "cat.jpg").touch()
    printed = io.StringIO()
    folder = tmp_path if setting else tmp_path / value
    assert demo.run(folder, once=True, console=Console(file=printed, width=300)) == 2
    no_folder = "no-folder is not a folder. Give one with pictures: petstream demo ~/Pictures"
    assert (setting or no_folder) in printed.getvalue()
    assert "Starting" not in printed.getvalue()


def test_ports_are_the_same_where_they_are_free_and_a_line_names_each_other_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reported: list[tuple[str, str, str]] = []
    monkeypatch.setattr("streams.demo.ports.take_port", lambda port: port not in {19092, 19103})
    monkeypatch.setattr("streams.demo.ports.free_port", lambda: 12345)
    ports = choose_ports({"postgres"}, lambda *line: reported.append(line))
    assert ports == {
        **{name: port for name, port in PORTS.items() if name != "postgres"},
        "kafka": 12345,
        "sink": 12345,
    }
    assert reported == [
        ("kafka", "port", "19092 is in use, taking 12345"),
        ("sink", "port", "19103 is in use, taking 12345"),
    ]
