import socket
import subprocess
import sys
from uuid import uuid4

import pytest

from deploy.local import ports
from deploy.local.errors import PartUnavailable
from deploy.local.ports import LOOPBACK, free_port, is_listening, take_port


def test_a_free_port_can_be_listened_on() -> None:
    port = free_port()
    with socket.create_server((LOOPBACK, port)):
        assert is_listening(port)
    assert not is_listening(port)


def test_no_port_is_handed_out_twice() -> None:
    handed_out = [free_port() for _ in range(200)]
    assert len(set(handed_out)) == 200


@pytest.fixture
def sixty_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """One block that no other process knows of."""
    monkeypatch.setattr(ports, "_left", [])
    monkeypatch.setattr(ports, "_CLAIM", f"petstream-test-{uuid4()}")
    monkeypatch.setattr(ports, "_ephemeral_lowest", lambda: 10_300)


@pytest.mark.usefixtures("sixty_ports")
def test_ports_lie_below_the_ephemeral_range_so_no_client_is_given_one_as_its_own() -> None:
    assert all(10_240 <= free_port() < 10_300 for _ in range(20))


@pytest.mark.usefixtures("sixty_ports")
def test_a_port_in_use_is_not_handed_out() -> None:
    with socket.create_server((LOOPBACK, 10_290)):
        handed_out = {free_port() for _ in range(50)}
    assert 10_290 not in handed_out


@pytest.mark.usefixtures("sixty_ports")
def test_it_is_an_error_if_no_port_is_left() -> None:
    for _ in range(58):
        free_port()
    ports._left.clear()
    with pytest.raises(PartUnavailable, match="no free port"):
        free_port()


@pytest.mark.usefixtures("sixty_ports")
def test_a_port_that_is_asked_for_is_taken_once_and_not_handed_out_again() -> None:
    assert take_port(10_250)
    assert not take_port(10_250)
    assert take_port(10_251), "the block is this process's own"
    assert not {10_250, 10_251} & {free_port() for _ in range(50)}


@pytest.mark.usefixtures("sixty_ports")
def test_a_port_in_use_or_outside_the_range_cannot_be_taken() -> None:
    with socket.create_server((LOOPBACK, 10_290)):
        assert not take_port(10_290)
    assert not take_port(10_300), "a client may be given it as its own"
    assert not take_port(80)


_OTHER = """
import sys
from deploy.local import ports
ports._CLAIM, ports._ephemeral_lowest = sys.argv[1], lambda: 10_300
print(ports.free_port(), flush=True)
sys.stdin.read()
"""


@pytest.mark.usefixtures("sixty_ports")
def test_two_processes_are_not_given_one_port_even_if_neither_listens_yet() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _OTHER, ports._CLAIM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(PartUnavailable):
            free_port()
        assert not take_port(10_250)
        other.communicate(timeout=60)
    assert 10_240 <= free_port() < 10_300
