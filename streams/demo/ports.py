"""The demo's ports: the same at every start where they are free, so that documents and bookmarks can name them."""

from collections.abc import Collection
from typing import Final

from deploy.local.ports import free_port, take_port
from streams.demo.supervisor import Report

PAGE: Final = "page"
PORTS: Final = {
    "kafka": 19092,
    "postgres": 15432,
    "objects": 14566,
    PAGE: 18480,
    "bridge": 19101,
    "classify": 19102,
    "sink": 19103,
    "reconcile": 19104,
    "board": 19105,
}
"""
By service, page and process (its health). They differ from the usual ports of these services, which may run here, too,
and lie below the ports that the system gives to clients (deploy/local/ports).
"""


def choose_ports(named: Collection[str], report: Report) -> dict[str, int]:
    """The port of each of PORTS but the ``named``, which have one. Reports each that is in use, and its replacement."""
    wanted = {name: port for name, port in PORTS.items() if name not in named}
    ports = {name: port for name, port in wanted.items() if take_port(port)}  # all of them before any free one
    for name, port in wanted.items():
        if name not in ports:
            ports[name] = free_port()
            report(name, "port", f"{port} is in use, taking {ports[name]}")
    return ports
