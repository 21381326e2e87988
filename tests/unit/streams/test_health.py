import json
import urllib.error
import urllib.request

import pytest

from streams.health import LOOP_SILENCE_SECONDS, NO_PROGRESS_SECONDS, Health, HealthServer
from streams.outages import Outages


class Process:
    """A process whose clock, work and outages a test moves by hand."""

    def __init__(self) -> None:
        self.now, self.pending, self.done = 0.0, 0, 0
        self.outages = Outages()
        self.health = Health(
            self.outages, pending=lambda: self.pending, progress=lambda: self.done, clock=lambda: self.now
        )

    def passes(self, seconds: float, *, turning: bool = True) -> None:
        for _ in range(int(seconds)):
            self.now += 1
            if turning:
                self.health.observe()


def test_an_idle_process_lives() -> None:
    process = Process()
    process.passes(10 * NO_PROGRESS_SECONDS)
    assert process.health.failures() == []


def test_a_loop_that_does_not_turn_fails_liveness() -> None:
    process = Process()
    process.passes(LOOP_SILENCE_SECONDS + 1, turning=False)
    assert "event loop" in process.health.failures()[0]


def test_work_without_progress_fails_liveness() -> None:
    process = Process()
    process.pending = 3
    process.passes(NO_PROGRESS_SECONDS)
    assert process.health.failures() == []
    process.passes(2)
    assert "none finished" in process.health.failures()[0]


def test_work_with_progress_lives() -> None:
    process = Process()
    process.pending = 3
    for _ in range(10):
        process.done += 1
        process.passes(NO_PROGRESS_SECONDS / 2)
    assert process.health.failures() == []


def test_waiting_for_a_declared_outage_is_degraded_and_restarts_nothing() -> None:
    process = Process()
    process.pending = 3
    process.outages.begin("database", "refused")
    process.passes(10 * NO_PROGRESS_SECONDS)
    status, body = process.health.report()
    assert (status, body["status"]) == (200, "degraded")
    assert "database is away since" in body["warnings"][0]


@pytest.mark.parametrize(
    ("path", "status", "key"),
    [
        ("/health", 200, "status"),
        ("/health/live", 200, "failures"),
        ("/health/ready", 503, "ready"),
        ("/x", 404, "paths"),
    ],
)
def test_the_server_answers_from_its_own_thread(path: str, status: int, key: str) -> None:
    with HealthServer(Process().health, "127.0.0.1", 0) as server:
        try:
            answer = urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            assert answer.status == status
            assert key in json.load(answer)


def test_metrics_are_served_with_every_series_at_zero() -> None:
    with (
        HealthServer(Process().health, "127.0.0.1", 0) as server,
        urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=5) as answer,
    ):
        text = answer.read().decode()
    assert 'petstream_rejections_total{reason="decoder_crashed"}' in text
    assert 'petstream_degraded{component="database"}' in text
