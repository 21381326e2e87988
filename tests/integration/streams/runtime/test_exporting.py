"""What spans cost where nobody asked for them, and where a collector is silent."""

import socket
import subprocess
import sys
import threading
import time

import pytest

from streams.contracts.traceparent import parse
from streams.runtime import tracing
from streams.runtime.settings import ServiceSettings, load

CARRIED = parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")


def test_nothing_of_opentelemetry_is_imported_where_nobody_asked_for_it() -> None:
    program = (
        "import sys; from streams.runtime import tracing; from streams.runtime.settings import ServiceSettings, load\n"
        "with tracing.exporting(load(ServiceSettings), service='x'), tracing.within(None, 'forward'):\n"
        "    with tracing.span('publish'): pass\n"
        "    print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=150, env={}
    )
    assert done.stdout.strip() == "[]"


def test_a_collector_that_is_silent_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("opentelemetry.sdk", reason="petstream[tracing] is not installed")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never answers
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "60")  # seconds; so long would it hold somebody up
        monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "64")
        monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "32")
        with tracing.exporting(load(ServiceSettings), service="x"):
            began = time.monotonic()
            for _ in range(500):  # far more than the queue holds: the rest is dropped
                with tracing.within(CARRIED, "classify"):
                    pass
            assert time.monotonic() - began < 30
            closing = time.monotonic()
        assert time.monotonic() - closing < 30
    until = time.monotonic() + 60
    while (left := _exporting_threads()) and time.monotonic() < until:
        time.sleep(0.05)
    assert not left, "the exporter goes on trying after its process has stopped to trace"


def _exporting_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("OtelBatchSpan")]
