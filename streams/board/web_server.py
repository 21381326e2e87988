"""The web server: uvicorn on a socket that is already bound, without uvicorn's signal handlers."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

CONNECTIONS_MAX: Final = 500
LEAVE_SECONDS: Final = 3


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to streams.app.service."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """
    A listening socket. Port 0 takes any free port.

    Raises:
        OSError: the address is in use, or not an address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=256)


async def serve(app: ASGIApp, listening: socket.socket, stop: asyncio.Event) -> None:
    """Serve until ``stop`` is set, then give open requests LEAVE_SECONDS to finish."""
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # X-Forwarded-For is not trusted
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=LEAVE_SECONDS,
        h11_max_incomplete_event_size=32 * 1024,
    )
    server = _Server(config)

    async def leave() -> None:
        await stop.wait()
        server.should_exit = True

    leaving = asyncio.create_task(leave())
    try:
        await server.serve(sockets=[listening])
    finally:
        leaving.cancel()


def url_of(listening: socket.socket) -> str:
    """The page's URL on this machine."""
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
