"""What every process has: logs first, then outages, health, a stop that signals set, and a bound on stopping."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from streams import logs
from streams.health import Health, HealthServer
from streams.outages import Outages
from streams.settings import ServiceSettings, effective

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Service:
    """The parts that the roles share."""

    outages: Outages
    health: Health
    stop: asyncio.Event


@asynccontextmanager
async def service(
    settings: ServiceSettings,
    name: str,
    *,
    pending: Callable[[], int],
    progress: Callable[[], int],
) -> AsyncIterator[Service]:
    """
    Run a process: configured logs, health served, SIGTERM and SIGINT set ``stop`` (and end a start that still waits).

    ``pending`` gives how much work is in flight, ``progress`` how much is done, ever (see health.Health).
    """
    logs.configure(settings, service=name)
    outages, stop = Outages(), asyncio.Event()
    health = Health(outages, pending=pending, progress=progress)
    health.facts["service"] = lambda: name
    loop, main = asyncio.get_running_loop(), asyncio.current_task()

    def asked_to_stop() -> None:
        stop.set()
        if not health.ready and main is not None:
            main.cancel()  # still starting, perhaps waiting for Kafka: nothing is in flight that could settle

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_stop)
    heart = asyncio.create_task(health.beat())
    try:
        with HealthServer(health, settings.health_host, settings.health_port) as server:
            log.info("service.starting", health_port=server.port, settings=effective(settings))
            yield Service(outages, health, stop)
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    finally:
        heart.cancel()
        log.info("service.stopped")
