import re

import pytest

from streams.runtime import settings as settings_module
from streams.runtime.database_config import database_config, reader_config
from streams.runtime.settings import (
    BridgeSettings,
    ClassifySettings,
    InvalidSettingsError,
    ServiceSettings,
    SinkSettings,
    effective,
    load,
)

SINK = {
    "KAFKA_BOOTSTRAP_SERVERS": "a:1, b:2",
    "DATABASE_HOST": "h",
    "DATABASE_NAME": "n",
    "DATABASE_USERNAME": "u",
    "DATABASE_PASSWORD": "geheim",
}

DATABASE = ("DATABASE_PORT", "DATABASE_SSL", "DATABASE_IAM_AUTH", "DATABASE_PASSWORD_FILE", "DATABASE_READER_HOST")


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SINK, *DATABASE, "S3_ENDPOINT_URL", "SQS_QUEUE_URL", "MODEL_URI", "S3_KEY_PATTERN"):
        monkeypatch.delenv(name, raising=False)


def set_all(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def test_every_mistake_is_reported_at_once_with_the_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, DATABASE_PORT="many", KAFKA_BOOTSTRAP_SERVERS="nowhere")
    with pytest.raises(InvalidSettingsError) as caught:
        load(SinkSettings)
    message = str(caught.value)
    for name in ("DATABASE_HOST", "DATABASE_NAME", "DATABASE_USERNAME", "DATABASE_PASSWORD", "DATABASE_PORT"):
        assert name in message
    assert "'nowhere' is not host:port" in message


def test_a_secret_is_starred_wherever_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, **SINK)
    settings = load(SinkSettings)
    assert settings.database_password is not None
    assert settings.database_password.get_secret_value() == "geheim"
    assert "geheim" not in repr(settings) + str(settings) + str(effective(settings))


def test_settings_are_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, **SINK)
    settings = load(SinkSettings)
    with pytest.raises(ValueError, match="frozen"):
        settings.database_host = "other"


def test_tls_is_on_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, **SINK)
    assert load(SinkSettings).database_ssl


def test_several_brokers_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, **SINK)
    assert load(SinkSettings).bootstrap_servers == ["a:1", "b:2"]


def test_the_queue_is_where_the_store_is_unless_it_has_its_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, KAFKA_BOOTSTRAP_SERVERS="a:1", SQS_QUEUE_URL="q", S3_ENDPOINT_URL="http://127.0.0.1:9000/")
    settings = load(BridgeSettings)
    assert settings.s3_endpoint == settings.sqs_endpoint == "http://127.0.0.1:9000"


def test_a_role_does_not_ask_for_the_settings_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, KAFKA_BOOTSTRAP_SERVERS="a:1", MODEL_URI="m.pt")
    assert load(ClassifySettings).model_uri == "m.pt"


def test_a_pattern_without_a_user_is_a_mistake_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, KAFKA_BOOTSTRAP_SERVERS="a:1", MODEL_URI="m.pt", S3_KEY_PATTERN="{name}")
    with pytest.raises(InvalidSettingsError, match=r"S3_KEY_PATTERN.*exactly once"):
        load(ClassifySettings)


def without(name: str) -> dict[str, str]:
    return {other: value for other, value in SINK.items() if other != name}


@pytest.mark.parametrize("instead", [{"DATABASE_IAM_AUTH": "true"}, {"DATABASE_PASSWORD_FILE": "/run/secrets/db"}])
def test_who_signs_in_otherwise_needs_no_password(monkeypatch: pytest.MonkeyPatch, instead: dict[str, str]) -> None:
    set_all(monkeypatch, **without("DATABASE_PASSWORD"), **instead)
    assert load(SinkSettings).database_password is None


@pytest.mark.parametrize("also", [{"DATABASE_IAM_AUTH": "true"}, {"DATABASE_PASSWORD_FILE": "/run/secrets/db"}])
def test_two_ways_to_sign_in_are_refused_and_both_named(monkeypatch: pytest.MonkeyPatch, also: dict[str, str]) -> None:
    set_all(monkeypatch, **SINK, **also)
    with pytest.raises(InvalidSettingsError, match=f"DATABASE_PASSWORD and {next(iter(also))} are set"):
        load(SinkSettings)


def test_tokens_are_never_sent_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, **without("DATABASE_PASSWORD"), DATABASE_IAM_AUTH="true", DATABASE_SSL="false")
    with pytest.raises(InvalidSettingsError, match=r"DATABASE_IAM_AUTH .*needs TLS") as caught:
        load(SinkSettings)
    assert "DATABASE_PASSWORD " not in str(caught.value), "one mistake, one line"


def test_no_way_to_sign_in_is_one_mistake_that_names_all_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, **without("DATABASE_PASSWORD"))
    with pytest.raises(InvalidSettingsError, match="DATABASE_PASSWORD_FILE and DATABASE_IAM_AUTH, of which one would"):
        load(SinkSettings)


def test_reads_go_to_the_reader_and_to_the_writer_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, **SINK)
    assert reader_config(load(SinkSettings)).host == "h"
    monkeypatch.setenv("DATABASE_READER_HOST", "reader")
    assert reader_config(load(SinkSettings)).host == "reader"
    assert database_config(load(SinkSettings)).host == "h"


EVERY_ROLE = sorted(
    (
        each
        for each in vars(settings_module).values()
        if isinstance(each, type) and issubclass(each, settings_module._Settings) and each.model_fields
    ),
    key=lambda each: each.__name__,
)
WRONG = ("no such thing", "-7", "1e99", "nan", "", "\x1b[2J", "x" * 5000, "http://", "a@b")
OF_PYDANTIC = re.compile(
    r"Input should|Value error|pydantic|valid (?:string|integer|number|boolean)|String should|URL scheme|URL should"
)


@pytest.mark.parametrize("role", EVERY_ROLE, ids=lambda role: role.__name__)
def test_every_mistake_of_every_setting_is_told_in_our_words(role: type[settings_module._Settings]) -> None:
    told: list[str] = []
    for name in role.__annotations__.keys() & role.model_fields.keys():  # those that it does not inherit
        for value in WRONG:
            try:
                load(role, **{name: value})
            except InvalidSettingsError as error:
                told += str(error).splitlines()
    assert not [line for line in told if OF_PYDANTIC.search(line) or "cannot be used" in line]
    assert not [line for line in told if "\x1b" in line or len(line) > 400]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("DATABASE_PORT", "many", "'many' is not a whole number"),
        ("DATABASE_PORT", "70000", "'70000' is above 65,535"),
        ("DATABASE_SSL", "perhaps", "'perhaps' is neither true nor false"),
        ("SHUTDOWN_SECONDS", "0", "'0' is not above 0"),
        ("SHUTDOWN_SECONDS", "soon", "'soon' is not a number"),
        ("KAFKA_SESSION_TIMEOUT_SECONDS", "1", "'1' is below 6"),
        ("LOG_LEVEL", "loud", "'loud' is not one of DEBUG, INFO, WARNING, ERROR"),
    ],
)
def test_a_mistake_quotes_the_value_and_says_what_is_wrong_with_it(
    name: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, **{**SINK, name: value})
    with pytest.raises(InvalidSettingsError, match=f"{name} .*: {told}$"):
        load(SinkSettings)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("S3_ENDPOINT_URL", "minio:9000", "'minio:9000' is no URL such as https://host:9000"),
        ("S3_ENDPOINT_URL", "ftp://me:geheim@minio", "the value is no URL such as https://host:9000"),
        ("MODEL_SHA256", "abc", "'abc' is not a SHA-256 checksum: 64 hexadecimal digits"),
        ("S3_DEFAULT_USER", "u" * 300, "has more than 255 characters"),
        ("ENGINE", "steam", "'steam' is not one of auto, cuda, openvino, torchscript"),
    ],
)
def test_a_mistake_of_the_classifier_is_told_without_a_secret(
    name: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, KAFKA_BOOTSTRAP_SERVERS="a:1", MODEL_URI="m.pt", **{name: value})
    with pytest.raises(InvalidSettingsError) as caught:
        load(ClassifySettings)
    assert told in str(caught.value)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("level", ["debug", "Warning", "INFO", "error "])
def test_the_log_level_is_read_in_any_case(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, LOG_LEVEL=level)
    assert load(ServiceSettings).log_level == level.strip().upper()
