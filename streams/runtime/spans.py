"""
OpenTelemetry spans. Only this module imports OpenTelemetry, and it is imported only if traces are exported.

Spans identify a picture by its id only. They contain no names, keys, users or error texts, which may quote those.
"""

from collections.abc import Iterable
from threading import Thread
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from streams.contracts.traceparent import Trace

CLOSE_SECONDS: Final = 3.0
"""Limit for the export of the last spans at a stop. An unavailable collector must not delay the stop."""

EXPORTER_SHUTDOWN_SECONDS: Final = 1.0
"""Limit for the exporter's shutdown after that. Its waits end at once; a request under way may take longer."""

KINDS: Final = {
    **dict.fromkeys(("forward", "classify", "store", "inference.batch", "upsert.batch"), SpanKind.CONSUMER),
    "publish": SpanKind.PRODUCER,
    "fetch": SpanKind.CLIENT,
}
"""Span kind by name; all other spans are internal."""


class Recording:
    """One open span."""

    def __init__(self, span: Span) -> None:
        self._span = span
        context = span.get_span_context()
        self.trace = Trace(f"{context.trace_id:032x}", f"{context.span_id:016x}", f"{context.trace_flags:02x}")

    def fail(self, error: str) -> None:
        """Mark the span as failed with the error's type."""
        self._span.set_status(StatusCode.ERROR)
        self._span.set_attribute("error.type", error)

    def end(self) -> None:
        """End the span and queue it for export."""
        self._span.end()


class Spans:
    """
    Opens spans and hands the ended ones to the processor.

    OpenTelemetry's own variables configure the sampler, the bound of the queue and the other limits.
    """

    def __init__(self, service: str, processor: SpanProcessor, exporter: SpanExporter | None = None) -> None:
        self._exporter = exporter
        self._provider = TracerProvider(resource=_resource(service), shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("petstream")

    def begin(self, name: str, parent: Trace | None, links: Iterable[Trace], identity: str | None) -> Recording:
        """Open a child of ``parent``, or a root span; ``identity`` is the object's id."""
        return Recording(
            self._tracer.start_span(
                name,
                Context() if parent is None else set_span_in_context(NonRecordingSpan(_context(parent)), Context()),
                kind=KINDS.get(name, SpanKind.INTERNAL),
                attributes=None if identity is None else {"petstream.id": identity},
                links=[Link(_context(trace)) for trace in links],
            )
        )

    def close(self) -> None:
        """Export the remaining spans within the time limit. The rest is lost."""
        closing = Thread(target=self._provider.shutdown, name="tracing-close", daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)
        if self._exporter and closing.is_alive():
            self._exporter.shutdown()  # otherwise it retries its last batches for minutes
            closing.join(EXPORTER_SHUTDOWN_SECONDS)  # it logs its losses before the process's last line


def open_spans(service: str) -> Spans:
    """Spans for the collector of OTEL_EXPORTER_OTLP_…, exported by a background thread with a bounded queue."""
    exporter = OTLPSpanExporter()
    return Spans(service, BatchSpanProcessor(exporter), exporter)


def _resource(service: str) -> Resource:
    found = Resource.create()
    if str(found.attributes.get(SERVICE_NAME, "unknown_service")).startswith("unknown_service"):
        return found.merge(Resource({SERVICE_NAME: f"petstream-{service}"}))
    return found


def _context(trace: Trace) -> SpanContext:
    return SpanContext(
        int(trace.trace_id, 16), int(trace.span_id, 16), is_remote=True, trace_flags=TraceFlags(int(trace.flags, 16))
    )
