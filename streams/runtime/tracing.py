"""
Trace context of the current work: the interface that the other modules use.

The current trace is always available for log lines, headers and rows. Spans are recorded only if OpenTelemetry's own
variables enable them (docs/tracing.md). Otherwise spans are no-ops and OpenTelemetry is not imported.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Protocol
from uuid import UUID

import structlog

from streams.contracts import traceparent
from streams.contracts.traceparent import TRACEPARENT, Trace
from streams.runtime.error_text import error_text
from streams.runtime.installing import install_command
from streams.runtime.settings import ServiceSettings

if TYPE_CHECKING:
    from streams.runtime.spans import Spans

NO_SPAN: Final = nullcontext()

log = structlog.get_logger()


class Named(Protocol):
    """An object that a span may identify by its id, never by its user or its key."""

    @property
    def id(self) -> UUID:
        """The object's id."""


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)
_spans: "Spans | None" = None


def current() -> Trace | None:
    """The caller's place in its trace; None outside of a trace."""
    return _current.get()


def headers() -> list[tuple[str, bytes]]:
    """The Kafka header that propagates the current trace; empty outside of a trace."""
    here = _current.get()
    return [(TRACEPARENT, here.header.encode())] if here else []


def within(carried: Trace | None, name: str, of: Named | None = None) -> AbstractContextManager[None]:
    """A span for work on a message, in the trace that it carries or in a new one; ``of`` is its object."""
    if _spans is not None:
        return _recorded(_spans, name, parent=carried, of=of)
    return _entered(carried or traceparent.fresh())


def span(name: str) -> AbstractContextManager[None]:
    """A span for a part of the current work. docs/tracing.md lists the names."""
    return NO_SPAN if _spans is None else _recorded(_spans, name, parent=_current.get())


def batch(name: str | None, of: Iterable[Trace | None]) -> AbstractContextManager[None]:
    """A span for work on a batch: a new trace with a link to each item. Without a name there is no span."""
    if _spans is None or name is None:
        return NO_SPAN
    return _recorded(_spans, name, parent=None, links=[trace for trace in of if trace])


@contextmanager
def exporting(settings: ServiceSettings, *, service: str) -> Iterator[None]:
    """
    Record spans in this context if the settings enable them, and export them in the background.

    Tracing never fails the process: a wrong setting, a missing package or a silent collector only logs a warning.
    """
    global _spans  # noqa: PLW0603 - one for each process, like the log
    if not settings.traces_exported:
        yield
        return
    try:
        from streams.runtime import spans  # noqa: PLC0415 - optional: costs nothing if not enabled, may be missing

        _spans = spans.open_spans(service)
    except Exception as error:  # noqa: BLE001 - tracing must not stop the pipeline
        is_missing = isinstance(error, ModuleNotFoundError)
        remedy = install_command("tracing") if is_missing else "look at the OTEL_… variables: docs/tracing.md"
        log.warning("tracing.off", error=error_text(error), remedy=remedy)
    try:
        yield
    finally:
        if _spans is not None:
            _spans.close()
            _spans = None


@contextmanager
def _entered(trace: Trace) -> Iterator[None]:
    token = _current.set(trace)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def _recorded(
    spans: "Spans", name: str, *, parent: Trace | None, of: Named | None = None, links: Iterable[Trace] = ()
) -> Iterator[None]:
    recording = spans.begin(name, parent, links, None if of is None else str(of.id))
    try:
        with _entered(recording.trace):
            yield
    except BaseException as error:
        recording.fail(type(error).__name__)
        raise
    finally:
        recording.end()
