"""
Serves /metrics, /health/live, /health/ready and /health from a separate thread, so that a stuck event loop is visible.

Liveness fails only if a restart would help. A process is live while its event loop runs, and while pending work
progresses or waits for a declared outage. A dependency outage makes the process *degraded* and restarts nothing.
Readiness means loaded, warmed up and joined.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final, Self
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from streams.runtime import metrics
from streams.runtime.error_text import error_text
from streams.runtime.outages import Outage, Outages
from streams.runtime.progress import Progress
from streams.runtime.settings import InvalidSettingsError

BEAT_SECONDS: Final = 1.0
LOOP_SILENCE_SECONDS: Final = 30.0
NO_PROGRESS_SECONDS: Final = 180.0
"""Longer than the slowest picture may take: the decoder's time limit, a fetch and a full queue ahead of it."""

_WARNING_BY_COMPONENT: Final[Mapping[str, str]] = {
    "inference": "no picture can be decoded since {since}: {error}",
    "classifier": "every message fails since {since}: {error}",
    "reconcile": "no comparison of bucket and tables has come to its end since {since}: {error}",
}
"""Warning text of an outage by component; the default is "… is away since …"."""


class Health:
    """Health state of the process. Written by the event loop's thread, read by the server's thread."""

    def __init__(
        self,
        outages: Outages,
        *,
        losses: Callable[[], list[str]] = list,
        no_progress_seconds: float = NO_PROGRESS_SECONDS,
        loop_silence_seconds: float = LOOP_SILENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            outages: while one is declared, no progress is expected.
            losses: sentences about permanent losses, shown as warnings; a restart would not help. Called often.
            no_progress_seconds: how long pending work may stand still, or the process may have no assignment.
            loop_silence_seconds: how long one callback may block the event loop.
            clock: seconds, monotonic.
        """
        self._outages = outages
        self._work: list[Progress] = []
        self._losses = losses
        self._no_progress_seconds = no_progress_seconds
        self._loop_silence_seconds = loop_silence_seconds
        self._clock = clock
        self._beat = clock()
        self._late = 0.0
        self.ready = False
        self.facts: dict[str, Callable[[], Any]] = {}
        """Further fields of /health. Each is called on every request and must be thread-safe and quick."""

    def watch(self, work: Progress) -> None:
        """Watch a stream of work: liveness fails if this stream alone stops progressing."""
        work.moved_at = self._clock()
        self._work.append(work)

    async def beat(self) -> None:
        """Record once a second that the loop runs, and observe progress. Never returns."""
        while True:
            self.observe()
            metrics.LOOP_TASKS.set(len(asyncio.all_tasks()))
            await asyncio.sleep(BEAT_SECONDS)

    def observe(self) -> None:
        """Record that the loop runs now, and whether work has progressed since the last call."""
        now = self._clock()
        self._late, self._beat = now - self._beat - BEAT_SECONDS, now
        for work in self._work:
            work.observe(now, is_excused=bool(self._outages.current))

    def loop_lag_seconds(self) -> float:
        """Delay of the last beat, or of the overdue next one; at least 0. A stuck loop shows while it is stuck."""
        return max(0.0, self._late, self._clock() - self._beat - BEAT_SECONDS)

    def become_ready(self) -> None:
        """Mark the process as loaded, warmed up and joined. From now on a stop settles what is in flight."""
        self.ready = True

    def failures(self) -> list[str]:
        """Reasons for which a restart would help; empty while the process is live."""
        now = self._clock()
        found = []
        if now - self._beat > self._loop_silence_seconds:
            found.append(f"the event loop has not turned for {now - self._beat:.0f} s")
        found += [work.warning(now) for work in self._work if now - work.moved_at > self._no_progress_seconds]
        return found

    def report(self) -> tuple[HTTPStatus, dict[str, Any]]:
        """Status and body of /health: 200 for ok and degraded, 503 for failing."""
        failures = self.failures()
        outages, losses = self._outages.current, self._losses()
        status = "failing" if failures else "degraded" if outages or losses else "ok"
        warnings = failures + [_warning(outage) for outage in outages] + losses
        body = {"status": status, "ready": self.ready, "warnings": warnings}
        body |= {name: fact() for name, fact in self.facts.items()}
        return (HTTPStatus.SERVICE_UNAVAILABLE if failures else HTTPStatus.OK), body


def _warning(outage: Outage) -> str:
    template = _WARNING_BY_COMPONENT.get(outage.component, "{component} is away since {since}: {error}")
    since = f"{outage.since:%Y-%m-%dT%H:%M:%SZ}"
    return template.format(component=outage.component, since=since, error=outage.error)


class _SilentHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the standard library's
        """Log nothing: probes arrive every few seconds."""


class HealthServer:
    """Serves a Health object over HTTP within a context."""

    def __init__(self, health: Health, host: str, port: int) -> None:
        """
        Listen on the address.

        Raises:
            InvalidSettingsError: if the address is in use, or does not belong to this machine.
        """
        self._health = health
        self._metrics = make_wsgi_app()
        try:
            self._server = make_server(host, port, self._answer, ThreadingWSGIServer, _SilentHandler)
        except OSError as error:
            raise InvalidSettingsError(
                f"HEALTH_HOST, HEALTH_PORT: {host}:{port} cannot be listened on ({error_text(error)})",
                "if another process has the port, give each its own; HEALTH_PORT=0 takes a free one.",
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
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
                scraped: Iterable[bytes] = self._metrics(environ, start_response)
                return scraped
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
