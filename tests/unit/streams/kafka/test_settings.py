import os

import pytest
from typer.testing import CliRunner

from streams.cli import app
from streams.kafka.permissions import PERMISSIONS
from streams.kafka.security import client_options
from streams.runtime.settings import InvalidSettingsError, KafkaSettings, effective, load


@pytest.fixture(autouse=True)
def _only_a_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("KAFKA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "a:1")


SCRAM = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "KAFKA_SASL_USERNAME": "ann",
    "KAFKA_SASL_PASSWORD": "geheim",
}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_SASL_MECHANISM .*: is not set, and .* needs a mechanism"),
        (SCRAM | {"KAFKA_SECURITY_PROTOCOL": "SSL"}, "KAFKA_SECURITY_PROTOCOL is SSL"),
        ({"KAFKA_SASL_MECHANISM": "AWS_MSK_IAM"}, "KAFKA_SECURITY_PROTOCOL is PLAINTEXT"),
        (
            {"KAFKA_SASL_MECHANISM": "AWS_MSK_IAM", "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"},
            "must not cross the network as plain text",
        ),
        ({k: v for k, v in SCRAM.items() if k != "KAFKA_SASL_PASSWORD"}, "one of KAFKA_SASL_PASSWORD and"),
        ({k: v for k, v in SCRAM.items() if k != "KAFKA_SASL_USERNAME"}, "needs KAFKA_SASL_USERNAME"),
        (SCRAM | {"KAFKA_SASL_PASSWORD_FILE": "/run/secrets/kafka"}, "one of KAFKA_SASL_PASSWORD and"),
        (SCRAM | {"KAFKA_SASL_MECHANISM": "GSSAPI"}, "KAFKA_SASL_MECHANISM"),
    ],
)
def test_settings_that_do_not_fit_each_other_are_refused(
    values: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSettingsError, match=says):
        load(KafkaSettings)


def test_a_broker_that_asks_for_nothing_is_told_nothing() -> None:
    options = client_options(load(KafkaSettings))
    assert options == {"bootstrap_servers": ["a:1"], "security_protocol": "PLAINTEXT", "ssl_context": None}


def test_the_password_goes_to_the_client_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SCRAM.items():
        monkeypatch.setenv(name, value)
    settings = load(KafkaSettings)
    options = client_options(settings)
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("ann", "geheim")
    assert options["ssl_context"] is not None
    assert "geheim" not in str(settings) + str(effective(settings))


@pytest.mark.parametrize("role", PERMISSIONS)
def test_the_permissions_of_a_role_are_printed_as_calls_of_kafkas_own_tool(
    role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_TOPIC_PREFIX", "mine.")
    printed = CliRunner().invoke(app, ["topics", "permissions", role, "--principal", "User:me"]).output.splitlines()
    assert len(printed) == len(PERMISSIONS[role])
    assert all(line.startswith("kafka-acls.sh --bootstrap-server a:1 --add ") for line in printed)
    assert all("'User:me'" in line and "'mine." in line for line in printed)


def test_a_role_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    refused = CliRunner().invoke(app, ["topics", "permissions", "king"])
    assert refused.exit_code == 2
    assert "operator" in refused.output
