"""
Where a picture's trace goes on, in whatever process it is: the interface that the other modules use.

The current trace is always known, for log lines, headers and rows. Spans are recorded only where OpenTelemetry's own
variables ask for it (docs/tracing.md); else a span is nothing, and nothing of OpenTelemetry is imported.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Protocol
from uuid import UUID

import structlog

from streams.contracts import traceparent
from streams.contracts.traceparent import TRACEPARENT, Trace
from streams.runtime.settings import ServiceSettings

if TYPE_CHECKING:
    from streams.runtime.spans import Spans

NO_SPAN: Final = nullcontext()

log = structlog.get_logger()


class Named(Protocol):
    """What a trace may speak of by its id; never by its user or its key."""

    @property
    def id(self) -> UUID:
        """The object's id."""


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)
_spans: "Spans | None" = None


def current() -> Trace | None:
    """Where in which trace the caller is; None outside of any."""
    return _current.get()


def headers() -> list[tuple[str, bytes]]:
    """The Kafka header that carries the current trace on; none outside of any."""
    here = _current.get()
    return [(TRACEPARENT, here.header.encode())] if here else []


def within(carried: Trace | None, name: str, of: Named | None = None) -> AbstractContextManager[None]:
    """Work on a message, as a span of the trace that it carries or of a new one; ``of`` is the object it is about."""
    if _spans is not None:
        return _recorded(_spans, name, parent=carried, of=of)
    return _entered(carried or traceparent.fresh())


def span(name: str) -> AbstractContextManager[None]:
    """A part of the current work. Its name is one of docs/tracing.md."""
    return NO_SPAN if _spans is None else _recorded(_spans, name, parent=_current.get())


def batch(name: str | None, of: Iterable[Trace | None]) -> AbstractContextManager[None]:
    """Work on many at once: a trace of its own, with a link to each of them. Without a name there is no span."""
    if _spans is None or name is None:
        return NO_SPAN
    return _recorded(_spans, name, parent=None, links=[trace for trace in of if trace])


@contextmanager
def exporting(settings: ServiceSettings, *, service: str) -> Iterator[None]:
    """
    Record spans in this context if the settings ask for it, and send them off, beside the work.

    Nothing about it fails the process: a wrong setting, a missing package and a silent collector are warnings.
    """
    global _spans  # noqa: PLW0603 - a process has one, as it has one log
    if not settings.traces_exported:
        yield
        return
    try:
        from streams.runtime import spans  # noqa: PLC0415 - who does not ask for it pays nothing, and need not install it

        _spans = spans.open_spans(service)
    except Exception as error:  # noqa: BLE001 - whatever it is, pictures come first
        log.warning("tracing.off", error=str(error)[:500], remedy="docs/tracing.md: petstream[tracing], and OTEL_…")
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
