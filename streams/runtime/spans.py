"""
Spans by OpenTelemetry: the one module that knows it. Imported only where traces are exported.

What leaves the process about a picture is its id. Names, keys, users and error texts, which may quote them, do not.
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
"""How long the last spans may take to leave at a stop. A collector that is away must not hold it up."""

LAST_WORDS_SECONDS: Final = 1.0
"""How long the exporter may then take to give up: its waits end at once, a request under way may not."""

KINDS: Final = {
    **dict.fromkeys(("forward", "classify", "store", "inference.batch", "upsert.batch"), SpanKind.CONSUMER),
    "publish": SpanKind.PRODUCER,
    "fetch": SpanKind.CLIENT,
}
"""By span name; the others are internal."""


class Recording:
    """One span, begun."""

    def __init__(self, span: Span) -> None:
        self._span = span
        context = span.get_span_context()
        self.trace = Trace(f"{context.trace_id:032x}", f"{context.span_id:016x}", f"{context.trace_flags:02x}")

    def fail(self, error: str) -> None:
        """Mark it as failed, by the error's type."""
        self._span.set_status(StatusCode.ERROR)
        self._span.set_attribute("error.type", error)

    def end(self) -> None:
        """Hand it to the exporter's queue."""
        self._span.end()


class Spans:
    """
    Begins spans and hands the ended ones to the processor.

    The sampler and its argument are OpenTelemetry's own variables; so are the queue's bound and its other limits.
    """

    def __init__(self, service: str, processor: SpanProcessor, exporter: SpanExporter | None = None) -> None:
        self._exporter = exporter
        self._provider = TracerProvider(resource=_resource(service), shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("petstream")

    def begin(self, name: str, parent: Trace | None, links: Iterable[Trace], identity: str | None) -> Recording:
        """A span below ``parent``, or a root; ``identity`` is its object's id."""
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
        """Send what is left, within the bound; what does not leave by then is lost."""
        closing = Thread(target=self._provider.shutdown, name="tracing-close", daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)
        if self._exporter and closing.is_alive():
            self._exporter.shutdown()  # else it tries its last batches again for minutes, one after the other
            closing.join(LAST_WORDS_SECONDS)  # it says what it has lost; the process's own last line comes after that


def open_spans(service: str) -> Spans:
    """Spans that go to the collector of OTEL_EXPORTER_OTLP_…, from a thread of their own with a bounded queue."""
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
