from pathlib import Path

import pytest

from streams.consumer import faust_app
from streams.runtime.settings import KafkaSettings, load


def test_an_outage_of_days_does_not_make_the_consumer_leave_its_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9")
    settings = faust_app.build("group", load(KafkaSettings), tmp_path).conf
    assert settings.broker_max_poll_interval > 7 * 24 * 3600  # as long as the topics keep what waits
    assert settings.broker_max_poll_interval * 1000 < 2**31
    assert settings.broker_request_timeout >= settings.broker_session_timeout


def test_headers_come_as_pairs_however_the_driver_gives_them() -> None:
    class Message:
        headers: object

    for given in ((("a", b"1"), ("a", b"2")), [("a", b"1"), ("a", b"2")]):
        Message.headers = given
        assert list(faust_app.message_headers(Message)) == [("a", b"1"), ("a", b"2")]
    Message.headers = {"a": b"1"}
    assert list(faust_app.message_headers(Message)) == [("a", b"1")]
    Message.headers = None
    assert list(faust_app.message_headers(Message)) == []
