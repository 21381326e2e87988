"""A store that S3_ENDPOINT_URL names is tried before anything starts."""

import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest

from deploy.local import stack
from deploy.local.errors import LocalPartError
from deploy.local.external import ExternalObjectStore

ENVIRONMENT = {"S3_ENDPOINT_URL": "https://store.example", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}


def refuse(_address: Any, timeout: float) -> NoReturn:
    assert timeout < 5
    raise ConnectionRefusedError(111, "Connection refused")


def test_a_store_that_does_not_answer_is_told_with_its_address_and_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(LocalPartError, match=r"https://store\.example does not answer \(S3_ENDPOINT_URL\)"):
        ExternalObjectStore(ENVIRONMENT).start()


@pytest.mark.parametrize(
    ("url", "address"), [("https://h", ("h", 443)), ("http://h", ("h", 80)), ("http://[::1]:9000", ("::1", 9000))]
)
def test_the_port_is_that_of_the_url(url: str, address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Connection:
        def close(self) -> None: ...

    def connect(given: tuple[str, int], timeout: float) -> Connection:
        asked.append(given)
        return Connection()

    monkeypatch.setattr(socket, "create_connection", connect)
    ExternalObjectStore({**ENVIRONMENT, "S3_ENDPOINT_URL": url}).start()
    assert asked == [address]


class Folder:
    """A stack's folder without the process that removes it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def keep_logs(self) -> None: ...

    def release(self) -> None: ...


def test_nothing_starts_beside_a_store_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    started: list[str] = []
    monkeypatch.setattr(stack, "StackDirectory", lambda _given: Folder(tmp_path))
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(stack, "make_broker", lambda *_given, **_named: started.append("kafka"))
    with pytest.raises(LocalPartError, match="S3_ENDPOINT_URL"):
        stack.Stack().start()
    assert started == []
