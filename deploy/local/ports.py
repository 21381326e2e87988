"""
Free ports on loopback.

A port is chosen below the kernel's ephemeral range, never by binding port 0. A part that is killed and restarted
keeps its port, and a client that reconnects in between must not be handed that very port as its own source port: on
loopback such a client connects to itself, holds the port, and the part can never bind it again.

Between the check here and the part's own bind, another stack could choose the same port. Each process therefore takes
its ports from blocks that it claims until it ends, by an abstract Unix socket, whose name the kernel gives to one
process at a time. Only a program that knows nothing of this can still take a port; the part then fails at once with
"address in use" in its log, before any data exists.
"""

import random
import socket
import threading
from pathlib import Path

from deploy.local.errors import PartUnavailable

LOOPBACK = "127.0.0.1"
_LOWEST = 10_240  # above the ports that well-known services use
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_EPHEMERAL_LOWEST = 32_768  # Linux' default; other systems start higher
_BLOCK = 64  # ports to a claim: a file descriptor for each port would exhaust a process that starts many stacks
_CLAIM = "petstream-ports"
_ATTEMPTS = 1_000

_left: list[int] = []  # the ports of this process's blocks that it has not returned yet, in no order
_lock = threading.Lock()


def free_port(*, attempts: int = _ATTEMPTS) -> int:
    """
    A free TCP port of 127.0.0.1 that no running process has been given by this function.

    Raises:
        PartUnavailable: no free port was found in so many attempts.
    """
    with _lock:
        for _ in range(attempts):
            port = _left.pop() if _left else _claimed_block()
            if port is not None and is_free(port):
                return port
    raise PartUnavailable(f"no free port on {LOOPBACK} in {attempts} attempts")


def take_port(port: int) -> bool:
    """Take this TCP port of 127.0.0.1, as ``free_port`` does; False if it is in use or not to be had: see above."""
    first = port - (port - _LOWEST) % _BLOCK
    with _lock:
        if not _LOWEST <= port < _highest() or (port not in _left and not _claim(first)):
            return False
        _left.remove(port)
        return is_free(port)


def is_listening(port: int, *, timeout_seconds: float = 0.5) -> bool:
    """Whether something accepts connections on 127.0.0.1 at this port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout_seconds):
            return True
    except OSError:
        return False


def _claimed_block() -> int | None:
    """Claim a block of ports chosen at random; return one and keep the others. None if another process has it."""
    first = random.randrange(_LOWEST, _highest(), _BLOCK)  # noqa: S311 - spreads stacks over the range; protects nothing
    return _left.pop() if _claim(first) else None


def _claim(first: int) -> bool:
    """Claim the block of ports that begins there; False if a process has it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as claim:
        try:
            claim.bind(f"\0{_CLAIM}-{first}")
        except OSError:
            return False
        claim.detach()  # stays open; the kernel closes it with the process
    _left.extend(range(first, min(first + _BLOCK, _highest())))
    return True


def _highest() -> int:
    """The end of the range; all of 65,536 if everything is ephemeral: nothing better than ports above the reserved."""
    highest = _ephemeral_lowest()
    return highest if highest > _LOWEST else 65_536


def is_free(port: int) -> bool:
    """Whether a server can listen on 127.0.0.1 at this port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Connections of an earlier owner in TIME_WAIT do not keep a server from binding; neither do they here.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def _ephemeral_lowest() -> int:
    try:
        return int(_EPHEMERAL_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _EPHEMERAL_LOWEST
