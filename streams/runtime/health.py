"""
/metrics, /health/live, /health/ready and /health, from a thread of their own: a stuck event loop must still be seen.

Liveness tells whether a restart would help: the loop turns, and work that is there makes progress or waits for a
declared outage. A dependency that is away is *degraded* and restarts nothing. Readiness says loaded, warm and joined.
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
from streams.runtime.outages import Outage, Outages
from streams.runtime.progress import Progress
from streams.runtime.settings import InvalidSettingsError

BEAT_SECONDS: Final = 1.0
LOOP_SILENCE_SECONDS: Final = 30.0
NO_PROGRESS_SECONDS: Final = 180.0
"""Longer than the slowest picture may take: its decoder's limit, a fetch and a full queue before it."""

_WORDS: Final[Mapping[str, str]] = {
    "inference": "no picture can be decoded since {since}: {error}",
    "classifier": "every message fails since {since}: {error}",
    "reconcile": "no comparison of bucket and tables has come to its end since {since}: {error}",
}
"""How an outage is told; others: "… is away since …"."""


class Health:
    """What the process knows of itself. Written from the event loop's thread, read from the server's."""

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
            losses: what is gone for good, as sentences; people are told, and no restart would help. Asked often.
            no_progress_seconds: how long work may be there and none be finished, or the process be nowhere.
            loop_silence_seconds: how long the event loop may be busy with one thing.
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
        """More that /health tells, asked at each look: thread-safe, quick."""

    def watch(self, work: Progress) -> None:
        """Have a stream of work fail liveness, by itself, when it stands."""
        work.moved_at = self._clock()
        self._work.append(work)

    async def beat(self) -> None:
        """Show each second that the loop turns, and note progress. Runs for ever."""
        while True:
            self.observe()
            metrics.LOOP_TASKS.set(len(asyncio.all_tasks()))
            await asyncio.sleep(BEAT_SECONDS)

    def observe(self) -> None:
        """Note that the loop turns now, and whether work has progressed since the last time."""
        now = self._clock()
        self._late, self._beat = now - self._beat - BEAT_SECONDS, now
        for work in self._work:
            work.observe(now, is_excused=bool(self._outages.current))

    def loop_lag_seconds(self) -> float:
        """How late the last beat was, or the next already is; at least 0. A stuck loop is seen while it is stuck."""
        return max(0.0, self._late, self._clock() - self._beat - BEAT_SECONDS)

    def become_ready(self) -> None:
        """Loaded, warm and joined: from now on a stop settles what is in flight."""
        self.ready = True

    def failures(self) -> list[str]:
        """Why a restart would help; empty while the process lives."""
        now = self._clock()
        found = []
        if now - self._beat > self._loop_silence_seconds:
            found.append(f"the event loop has not turned for {now - self._beat:.0f} s")
        found += [work.told(now) for work in self._work if now - work.moved_at > self._no_progress_seconds]
        return found

    def report(self) -> tuple[HTTPStatus, dict[str, Any]]:
        """The whole truth for people: 200 for ok and degraded, 503 for failing."""
        failures = self.failures()
        outages, losses = self._outages.current, self._losses()
        status = "failing" if failures else "degraded" if outages or losses else "ok"
        warnings = failures + [_told(outage) for outage in outages] + losses
        body = {"status": status, "ready": self.ready, "warnings": warnings}
        body |= {name: fact() for name, fact in self.facts.items()}
        return (HTTPStatus.SERVICE_UNAVAILABLE if failures else HTTPStatus.OK), body


def _told(outage: Outage) -> str:
    words = _WORDS.get(outage.component, "{component} is away since {since}: {error}")
    since = f"{outage.since:%Y-%m-%dT%H:%M:%SZ}"
    return words.format(component=outage.component, since=since, error=outage.error)


class _SilentHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the standard library's
        """A probe every few seconds is no news."""


class HealthServer:
    """Serves a Health object over HTTP within a context."""

    def __init__(self, health: Health, host: str, port: int) -> None:
        """
        Listens at once.

        Raises:
            InvalidSettingsError: if the address is taken, or is none of this machine's.
        """
        self._health = health
        self._metrics = make_wsgi_app()
        try:
            self._server = make_server(host, port, self._answer, ThreadingWSGIServer, _SilentHandler)
        except OSError as error:
            raise InvalidSettingsError(
                f"HEALTH_HOST, HEALTH_PORT: {host}:{port} cannot be listened on ({error.strerror or error})",
                "if another process has the port, give each its own; HEALTH_PORT=0 takes a free one.",
            ) from error
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
