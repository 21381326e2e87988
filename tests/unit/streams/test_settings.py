import pytest

from streams.settings import BridgeSettings, ClassifySettings, InvalidSettingsError, SinkSettings, effective, load

SINK = {
    "KAFKA_BOOTSTRAP_SERVERS": "a:1, b:2",
    "DATABASE_HOST": "h",
    "DATABASE_NAME": "n",
    "DATABASE_USERNAME": "u",
    "DATABASE_PASSWORD": "geheim",
}


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SINK, "DATABASE_PORT", "S3_ENDPOINT_URL", "SQS_QUEUE_URL", "MODEL_URI", "S3_KEY_PATTERN"):
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
