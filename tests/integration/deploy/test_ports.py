import random
import socket

import pytest

from deploy.local import ports
from deploy.local.errors import PartUnavailable
from deploy.local.ports import LOOPBACK, free_port, is_listening


def test_a_free_port_can_be_listened_on() -> None:
    port = free_port()
    with socket.create_server((LOOPBACK, port)):
        assert is_listening(port)
    assert not is_listening(port)


def test_no_port_is_handed_out_twice() -> None:
    handed_out = [free_port() for _ in range(200)]
    assert len(set(handed_out)) == 200


def test_ports_lie_below_the_ephemeral_range_so_no_client_is_given_one_as_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ports, "_ephemeral_lowest", lambda: 10_300)
    assert all(10_240 <= free_port() < 10_300 for _ in range(20))


def test_a_port_in_use_is_not_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        taken = server.getsockname()[1]
        monkeypatch.setattr(random, "randint", lambda _low, _high: taken)
        with pytest.raises(PartUnavailable, match="no free port"):
            free_port(attempts=3)
