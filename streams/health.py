"""
/metrics, /health/live, /health/ready and /health, from a thread of their own: a stuck event loop must still be seen.

Liveness tells whether a restart would help: the loop turns, and work that is there makes progress or waits for a
declared outage. A dependency that is away is *degraded* and restarts nothing. Readiness says loaded, warm and joined.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, Final, Self
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from streams.outages import Outages

LOOP_SILENCE_SECONDS: Final = 30.0
NO_PROGRESS_SECONDS: Final = 180.0
"""Longer than the slowest picture may take: its decoder's limit, a fetch and a full queue before it."""


class Health:
    """What the process knows of itself. Written from the event loop's thread, read from the server's."""

    def __init__(
        self,
        outages: Outages,
        *,
        pending: Callable[[], int] = lambda: 0,
        progress: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outages = outages
        self._pending = pending
        self._progress = progress
        self._clock = clock
        self._beat = clock()
        self._moved = clock()
        self._seen = 0
        self.ready = False
        self.facts: dict[str, Callable[[], Any]] = {}
        """More that /health tells, asked at each look: thread-safe, quick."""

    async def beat(self) -> None:
        """Show each second that the loop turns, and note progress. Runs for ever."""
        while True:
            self.observe()
            await asyncio.sleep(1)

    def observe(self) -> None:
        """Note that the loop turns now, and whether work has progressed since the last time."""
        self._beat = self._clock()
        if self._progress() != self._seen or not self._pending() or self._outages.current:
            self._seen, self._moved = self._progress(), self._clock()

    def become_ready(self) -> None:
        """Loaded, warm and joined: from now on a stop settles what is in flight."""
        self.ready = True

    def failures(self) -> list[str]:
        """Why a restart would help; empty while the process lives."""
        now = self._clock()
        found = []
        if now - self._beat > LOOP_SILENCE_SECONDS:
            found.append(f"the event loop has not turned for {now - self._beat:.0f} s")
        if now - self._moved > NO_PROGRESS_SECONDS:
            found.append(f"{self._pending()} deliveries in flight and none finished for {now - self._moved:.0f} s")
        return found

    def report(self) -> tuple[HTTPStatus, dict[str, Any]]:
        """The whole truth for people: 200 for ok and degraded, 503 for failing."""
        failures = self.failures()
        outages = self._outages.current
        status = "failing" if failures else "degraded" if outages else "ok"
        warnings = failures + [f"{o.component} is away since {o.since:%Y-%m-%dT%H:%M:%SZ}: {o.error}" for o in outages]
        body = {"status": status, "ready": self.ready, "warnings": warnings}
        body |= {name: fact() for name, fact in self.facts.items()}
        return (HTTPStatus.SERVICE_UNAVAILABLE if failures else HTTPStatus.OK), body


class _SilentHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the standard library's
        """A probe every few seconds is no news."""


class HealthServer:
    """Serves a Health object over HTTP within a context."""

    def __init__(self, health: Health, host: str, port: int) -> None:
        self._health = health
        self._metrics = make_wsgi_app()
        self._server = make_server(host, port, self._answer, ThreadingWSGIServer, _SilentHandler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._server.server_port)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer: tuple[HTTPStatus, dict[str, Any]]
        match environ["PATH_INFO"]:
            case "/metrics":
                metrics: Iterable[bytes] = self._metrics(environ, start_response)
                return metrics
            case "/health/live":
                failures = self._health.failures()
                answer = (HTTPStatus.SERVICE_UNAVAILABLE if failures else HTTPStatus.OK), {"failures": failures}
            case "/health/ready":
                ready = self._health.ready
                answer = (HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE), {"ready": ready}
            case "/health":
                answer = self._health.report()
            case _:
                answer = HTTPStatus.NOT_FOUND, {"paths": ["/metrics", "/health", "/health/live", "/health/ready"]}
        status, body = answer
        start_response(f"{status.value} {status.phrase}", [("Content-Type", "application/json")])
        return [json.dumps(body).encode()]
