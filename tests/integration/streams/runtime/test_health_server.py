import json
import urllib.error
import urllib.request

import pytest

from streams.runtime.health import Health, HealthServer
from streams.runtime.outages import Outages


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
    with HealthServer(Health(Outages()), "127.0.0.1", 0) as server:
        try:
            answer = urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            assert answer.status == status
            assert key in json.load(answer)


def test_metrics_are_served_with_every_series_at_zero() -> None:
    with (
        HealthServer(Health(Outages()), "127.0.0.1", 0) as server,
        urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=60) as answer,
    ):
        text = answer.read().decode()
    assert 'petstream_rejections_total{reason="decoder_crashed"}' in text
    assert 'petstream_degraded{component="database"}' in text
