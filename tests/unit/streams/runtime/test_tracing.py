"""Traces in one process, with spans and without. The whole path: tests/integration/streams/runtime/test_tracing.py."""

import asyncio
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
import structlog

from streams.consumer.batches import Batcher
from streams.contracts.traceparent import parse
from streams.runtime import logs, tracing
from streams.runtime.settings import ServiceSettings, load

HEADER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CARRIED = parse(HEADER)
PICTURE = SimpleNamespace(id=UUID(int=7))


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What is recorded, as OpenTelemetry's own exporter for tests keeps it."""
    pytest.importorskip("opentelemetry.sdk", reason="petstream[tracing] is not installed")
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from streams.runtime.spans import Spans

    exporter = InMemorySpanExporter()
    monkeypatch.setattr(tracing, "_spans", Spans("classifier", SimpleSpanProcessor(exporter)))
    return exporter


@pytest.fixture
def _logs_as_they_were() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def spans(recorded: Any) -> dict[str, Any]:
    return {span.name: span for span in recorded.get_finished_spans()}


def test_without_spans_the_trace_goes_on_as_it_came() -> None:
    with tracing.within(CARRIED, "classify"), tracing.span("fetch"):
        assert tracing.current() == CARRIED
        assert tracing.headers() == [("traceparent", HEADER.encode())]
    assert tracing.current() is None
    assert tracing.headers() == []


def test_a_message_without_a_trace_begins_one() -> None:
    with tracing.within(None, "forward"):
        first = tracing.current()
    with tracing.within(None, "forward"):
        assert tracing.current() != first
    assert first is not None
    assert parse(first.header) == first


def test_spans_of_a_picture_hang_below_the_trace_that_it_carries(recorded: Any) -> None:
    with tracing.within(CARRIED, "classify", of=PICTURE):
        with tracing.span("fetch"):
            pass
        with tracing.span("publish"):
            ((_, header),) = tracing.headers()
    found = spans(recorded)
    assert CARRIED is not None
    assert {f"{span.context.trace_id:032x}" for span in found.values()} == {CARRIED.trace_id}
    assert f"{found['classify'].parent.span_id:016x}" == CARRIED.span_id
    assert found["fetch"].parent.span_id == found["publish"].parent.span_id == found["classify"].context.span_id
    assert header.decode() == f"00-{CARRIED.trace_id}-{found['publish'].context.span_id:016x}-01"


def test_spans_name_the_picture_by_its_id_and_nothing_else(recorded: Any) -> None:
    with (
        pytest.raises(ValueError, match="ann"),
        tracing.within(CARRIED, "classify", of=PICTURE),
        tracing.span("fetch"),
    ):
        raise ValueError("s3://pets/uploads/ann/cat.jpg")
    found = spans(recorded)
    assert dict(found["classify"].attributes) == {"petstream.id": str(PICTURE.id), "error.type": "ValueError"}
    assert dict(found["fetch"].attributes) == {"error.type": "ValueError"}
    assert "ann" not in "".join(span.to_json() for span in found.values())
    assert not found["fetch"].status.is_ok
    assert found["fetch"].resource.attributes["service.name"] == "petstream-classifier"


async def test_a_batch_is_a_trace_of_its_own_with_a_link_to_each_of_its_items(recorded: Any) -> None:
    async def run(items: Sequence[int]) -> Sequence[int]:
        return items

    batcher: Batcher[int, int] = Batcher(run, max_size=8, max_wait_seconds=0, traced_as="inference.batch")

    async def one(item: int) -> None:
        with tracing.within(None, "classify"), tracing.span("inference"):
            await batcher.submit(item)

    items = [asyncio.create_task(one(item)) for item in range(3)]
    await asyncio.sleep(0)
    serving = asyncio.create_task(batcher.serve())
    await asyncio.wait_for(asyncio.gather(*items), 60)
    serving.cancel()
    finished = recorded.get_finished_spans()
    (batch,) = [span for span in finished if span.name == "inference.batch"]
    waited = {span.context.span_id for span in finished if span.name == "inference"}
    assert batch.parent is None
    assert {link.context.span_id for link in batch.links} == waited
    assert len(waited) == 3


async def test_traces_of_pictures_that_are_worked_on_at_the_same_time_do_not_mix(recorded: Any) -> None:
    async def one(number: int) -> None:
        with tracing.within(parse(f"00-{number:032x}-b7ad6b7169203331-01"), "classify"):
            await asyncio.sleep(0)
            with tracing.span("fetch"):
                await asyncio.sleep(0)
                here = tracing.current()
                assert here is not None
                assert int(here.trace_id, 16) == number

    await asyncio.gather(*(one(number) for number in range(1, 20)))


@pytest.mark.parametrize(
    ("variables", "exported"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, False),
    ],
)
def test_the_standard_variables_say_whether_spans_are_recorded(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], *, exported: bool
) -> None:
    for name in ("OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert load(ServiceSettings).traces_exported is exported


def test_a_missing_package_is_a_warning_and_the_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setitem(sys.modules, "streams.runtime.spans", None)
    monkeypatch.delattr("streams.runtime.spans", raising=False)
    with (
        structlog.testing.capture_logs() as lines,
        tracing.exporting(load(ServiceSettings), service="x"),
        tracing.within(CARRIED, "classify"),
    ):
        assert tracing.current() == CARRIED
    assert [line["event"] for line in lines] == ["tracing.off"]


@pytest.mark.usefixtures("_logs_as_they_were")
def test_log_lines_say_to_which_trace_they_belong(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(load(ServiceSettings), service="x")
    log = structlog.get_logger()
    with tracing.within(CARRIED, "store"):
        log.error("row.refused")
        logging.getLogger("library").error("of a library")
    log.info("batch.stored")
    lines = {line["event"]: line for line in map(json.loads, capsys.readouterr().err.splitlines())}
    refused, library, stored = lines["row.refused"], lines["of a library"], lines["batch.stored"]
    assert (refused["trace_id"], refused["span_id"]) == tuple(HEADER.split("-")[1:3])
    assert library["trace_id"] == refused["trace_id"]
    assert "trace_id" not in stored
