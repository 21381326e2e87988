"""
Free ports on loopback.

A port is chosen below the kernel's ephemeral range, never by binding port 0. A part that is killed and restarted
keeps its port, and a client that reconnects in between must not be handed that very port as its own source port: on
loopback such a client connects to itself, holds the port, and the part can never bind it again.

A small race remains: between the check here and the part's own bind, another process may take the port. One in tens
of thousands is picked at random, so that two stacks started at once hardly ever meet, and where they do the part
fails at once with "address in use" in its log: loudly, before any data exists. Ports handed out by this process are
never handed out again.
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
_ATTEMPTS = 1_000

_handed_out: set[int] = set()
_lock = threading.Lock()


def free_port(*, attempts: int = _ATTEMPTS) -> int:
    """
    A free TCP port of 127.0.0.1 that this process has not returned before.

    Raises:
        PartUnavailable: if no free port was found in so many attempts.
    """
    highest = _ephemeral_lowest() - 1
    if highest <= _LOWEST:  # the whole range is ephemeral: nothing better than a random port above the reserved ones
        highest = 65_535
    for _ in range(attempts):
        port = random.randint(_LOWEST, highest)  # noqa: S311 - spreads stacks over the range; protects nothing
        with _lock:
            if port in _handed_out or not _is_free(port):
                continue
            _handed_out.add(port)
            return port
    raise PartUnavailable(f"no free port on {LOOPBACK} between {_LOWEST} and {highest} in {attempts} attempts")


def is_listening(port: int, *, timeout_seconds: float = 0.5) -> bool:
    """Whether something accepts connections on 127.0.0.1 at this port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout_seconds):
            return True
    except OSError:
        return False


def _is_free(port: int) -> bool:
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
