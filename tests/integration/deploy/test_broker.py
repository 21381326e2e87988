"""The choice alone: nothing is started, and nothing is fetched that is not in the cache."""

from pathlib import Path

import pytest

from deploy.local import broker
from deploy.local.broker import choose_broker
from deploy.local.errors import LocalPartError, PartUnavailable
from deploy.local.kafka import ApacheKafka
from deploy.local.wheel_broker import WheelBroker


@pytest.fixture
def no_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PETSTREAM_BROKER", raising=False)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def old_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PETSTREAM_BROKER", raising=False)
    (tmp_path / "bin").mkdir()
    java = tmp_path / "bin" / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))


@pytest.mark.usefixtures("no_java")
def test_without_java_the_wheel_is_taken_and_one_line_says_why(tmp_path: Path) -> None:
    choice = choose_broker(tmp_path)
    assert isinstance(choice.broker, WheelBroker)
    assert not choice.broker.durable
    assert choice.reason == (
        "Java is not installed: using the broker from the wheel, which loses its data at a restart"
    )


@pytest.mark.usefixtures("old_java")
def test_a_java_that_is_too_old_counts_as_none(tmp_path: Path) -> None:
    choice = choose_broker(tmp_path)
    assert isinstance(choice.broker, WheelBroker)
    assert choice.reason is not None
    assert choice.reason.startswith("Java 11.0.2 is too old: Apache Kafka needs 17: ")


def test_jars_that_cannot_be_fetched_mean_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PETSTREAM_BROKER", raising=False)

    def unreachable(**_: object) -> None:
        raise PartUnavailable("Maven could not get the jars of Apache Kafka:\n[ERROR] and forty lines more")

    monkeypatch.setattr(broker, "fetch", unreachable)
    choice = choose_broker(tmp_path)
    assert isinstance(choice.broker, WheelBroker)
    assert choice.reason is not None
    assert "\n" not in choice.reason


@pytest.mark.usefixtures("no_java")
def test_forcing_apache_where_it_cannot_be_had_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PETSTREAM_BROKER", "apache")
    with pytest.raises(PartUnavailable, match="Java is not installed"):
        choose_broker(tmp_path)


def test_the_wheel_can_be_forced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PETSTREAM_BROKER", "wheel")
    assert isinstance(choose_broker(tmp_path).broker, WheelBroker)


def test_the_argument_goes_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PETSTREAM_BROKER", "wheel")
    monkeypatch.setattr(broker, "fetch", lambda **_: None)
    monkeypatch.setattr("deploy.local.kafka._usable_java", lambda: ("/usr/bin/java", "17.0.1"))
    assert isinstance(choose_broker(tmp_path, forced="apache").broker, ApacheKafka)


def test_an_unknown_broker_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PETSTREAM_BROKER", "redpanda")
    with pytest.raises(LocalPartError, match="expected apache or wheel"):
        choose_broker(tmp_path)
