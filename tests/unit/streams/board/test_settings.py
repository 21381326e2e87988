"""The board's settings, and what they refuse."""

import pytest

from streams.runtime.settings import BoardSettings, InvalidSettingsError, load

KAFKA = {"kafka_bootstrap_servers": "127.0.0.1:9092"}


@pytest.fixture(autouse=True)
def _no_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("S3_BUCKET", raising=False)


def test_it_reads_and_listens_on_this_machine_alone_by_default() -> None:
    settings = load(BoardSettings, **KAFKA)
    assert (settings.board_host, settings.is_on_loopback, settings.board_uploads) == ("127.0.0.1", True, False)


def test_uploads_are_refused_where_others_reach_the_page() -> None:
    for host in ("0.0.0.0", "::", "192.168.0.7"):
        with pytest.raises(InvalidSettingsError, match="BOARD_HOST on loopback"):
            load(BoardSettings, board_host=host, board_uploads=True, s3_bucket="pictures", **KAFKA)
    assert load(BoardSettings, board_host="::1", board_uploads=True, s3_bucket="pictures", **KAFKA).board_uploads


def test_uploads_need_a_bucket() -> None:
    with pytest.raises(InvalidSettingsError, match="S3_BUCKET"):
        load(BoardSettings, board_uploads=True, **KAFKA)


def test_a_name_is_no_address_to_listen_on() -> None:
    with pytest.raises(InvalidSettingsError, match="no IP address"):
        load(BoardSettings, board_host="board.example", **KAFKA)


def test_names_that_are_allowed_are_a_list() -> None:
    assert load(BoardSettings, board_allowed_hosts="a.example, b.example,", **KAFKA).allowed_hosts == [
        "a.example",
        "b.example",
    ]
