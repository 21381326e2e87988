"""The runtime of every process: logs first, then outages, health, a stop event for signals, a limit for stopping."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from streams.runtime import logs, metrics, tracing
from streams.runtime.health import Health, HealthServer
from streams.runtime.outages import Outages
from streams.runtime.settings import ServiceSettings, effective

LEAVE_SECONDS: Final = 10.0
"""Time limit of a stop after the settling: the last commit, leaving the group, closing connections."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Service:
    """The parts that all roles share."""

    outages: Outages
    health: Health
    stop: asyncio.Event


@asynccontextmanager
async def service(
    settings: ServiceSettings,
    name: str,
    *,
    losses: Callable[[], list[str]] = list,
    leave_seconds: float = LEAVE_SECONDS,
) -> AsyncIterator[Service]:
    """
    Run a process: configure logs, serve health, set ``stop`` on SIGTERM and SIGINT (which also cancel a waiting start).

    A role registers its work with ``Service.health``; ``losses`` are the permanent losses (see Health). A stop that
    takes longer than the settling plus ``leave_seconds`` is cut short, because an engine that hangs would block it for
    ever. Uncommitted messages are delivered again.
    """
    logs.configure(settings, service=name)
    outages, stop = Outages(), asyncio.Event()
    health = Health(
        outages,
        losses=losses,
        no_progress_seconds=settings.no_progress_seconds,
        loop_silence_seconds=settings.loop_silence_seconds,
    )
    health.facts["service"] = lambda: name
    metrics.LIVE.set_function(lambda: float(not health.failures()))
    metrics.READY.set_function(lambda: float(health.ready))
    metrics.LOOP_LAG.set_function(health.loop_lag_seconds)
    loop, main = asyncio.get_running_loop(), asyncio.current_task()

    cut_short = threading.Timer(settings.shutdown_seconds + leave_seconds, _end_at_once)
    cut_short.daemon = True

    def asked_to_stop() -> None:
        if cut_short.ident is None:  # the first signal counts
            cut_short.start()
        stop.set()
        if not health.ready and main is not None:
            main.cancel()  # still starting, perhaps waiting for Kafka: nothing is in flight

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_stop)
    heart = asyncio.create_task(health.beat())
    try:
        with (
            tracing.exporting(settings, service=name),
            HealthServer(health, settings.health_host, settings.health_port) as server,
        ):
            log.info("service.starting", health_port=server.port, settings=effective(settings))
            yield Service(outages, health, stop)
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    finally:
        heart.cancel()
        log.info("service.stopped")


def _end_at_once() -> None:
    log.error("service.stop_overdue")
    os._exit(1)
