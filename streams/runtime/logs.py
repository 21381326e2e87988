"""Structured logs on stderr: a constant event name plus fields, one JSON object a line, or coloured text."""

import logging
import sys

import structlog

from streams.runtime import tracing
from streams.runtime.settings import ServiceSettings


def configure(settings: ServiceSettings, *, service: str) -> None:
    """Set up structlog and the standard library's logging, so that libraries log in the same format."""
    level = logging.getLevelNamesMapping()[settings.log_level]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _with_trace,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    if settings.log_format == "console":
        shared.pop()
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # One write per line: libraries log to the same stream from other threads.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processors=[_drop_meta, renderer], foreign_pre_chain=shared)
    )
    # The root stays at WARNING: some libraries log each message at DEBUG or INFO, which costs more than the work.
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
    structlog.contextvars.bind_contextvars(service=service)


def _with_trace(
    _logger: structlog.typing.WrappedLogger, _name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Add the current trace to lines about one picture or one traced batch."""
    if (here := tracing.current()) is not None:
        event["trace_id"], event["span_id"] = here.trace_id, here.span_id
    return event


def _drop_meta(
    logger: structlog.typing.WrappedLogger, name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    event["logger"] = event["_record"].name
    return structlog.stdlib.ProcessorFormatter.remove_processors_meta(logger, name, event)
