"""
Publishes on topic pipeline-status that a process works: every 5 s, and at its end.

A process that is killed or frozen says nothing, so silence is the sign. Nothing waits for a heartbeat. It has a
producer of its own, so that no upload or result shares a request with it; one that is not through in time is dropped;
and its failure is no outage.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final, Literal, Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError, UnknownTopicOrPartitionError

from streams.contracts import Model, PipelineStatus, encode
from streams.contracts.cloudevents import Headers, process_status_headers
from streams.contracts.topics import PIPELINE_STATUS
from streams.kafka.security import client_options
from streams.kafka.stopping import start
from streams.runtime.error_text import error_text
from streams.runtime.health import Health
from streams.runtime.outages import Outages
from streams.runtime.settings import KafkaSettings

HEARTBEAT_SECONDS: Final = 5.0
IN_TIME_SECONDS: Final = 4.0
"""A heartbeat that Kafka has not confirmed by then is dropped: the next one is due."""
REQUEST_TIMEOUT_MS: Final = 3000
REFUSED_SECONDS_MAX: Final = 60.0
"""After refusals in a row (a missing topic or permission) the pause doubles up to this."""
FAREWELL_SECONDS: Final = 1.0
WARNING_CHARS: Final = 500
STARTING: Final = "It is starting."

Role = Literal["bridge", "classifier", "sink"]

log = structlog.get_logger()


class Producer(Protocol):
    """The used part of a Kafka producer."""

    async def start(self) -> None:
        """Connect."""

    async def stop(self) -> None:
        """Disconnect."""

    async def send_and_wait(self, topic: str, *, key: bytes, value: bytes, headers: Headers) -> Any:
        """Return once the broker has confirmed the message."""


class Heartbeat:
    """
    The heartbeat of one process.

    Args:
        role: the key of its messages.
        health: whether the process works; read from the event loop's thread.
        outages: what does not work for it.
        now: the time.
    """

    def __init__(
        self, role: Role, health: Health, outages: Outages, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._role = role
        self._health = health
        self._outages = outages
        self._now = now
        self._process = f"{socket.gethostname()}-{os.getpid()}"  # of a container: the same after a restart
        self._state: Literal["ok", "degraded", "stopped"] | None = None
        self._since = now()
        self._connected = False
        self.models: Callable[[], tuple[Model, ...]] = tuple
        """The models in service, the newest first."""

    def status(self, *, stopped: bool = False) -> PipelineStatus:
        """The status now."""
        now = self._now()
        _, report = self._health.report()
        outages: dict[str, datetime] = {outage.component: outage.since for outage in self._outages.current}
        warning = "; ".join(report["warnings"]) or (None if report["ready"] else STARTING)
        state: Literal["ok", "degraded", "stopped"] = "stopped" if stopped else "degraded" if warning else "ok"
        if state != self._state:
            began = min(outages.values(), default=now) if state == "degraded" and self._state else now
            self._state, self._since = state, began
        return PipelineStatus(
            component=self._role,
            state=state,
            since=self._since,
            at=now,
            warning=None if stopped or warning is None else warning[:WARNING_CHARS],
            process=self._process,
            unavailable={} if stopped else outages,
            models=() if stopped else self.models(),
        )

    async def beat(self, producer: Producer, topic: str, *, every_seconds: float = HEARTBEAT_SECONDS) -> None:
        """Publish for ever. Raises nothing."""
        pause = every_seconds
        while True:
            try:
                if not self._connected:
                    await start(producer)
                    self._connected = True
                async with asyncio.timeout(IN_TIME_SECONDS):
                    await self._send(producer, topic, self.status())
                pause = every_seconds
            except (UnknownTopicOrPartitionError, TopicAuthorizationFailedError) as error:
                log.debug("heartbeat.refused", error=error_text(error))
                pause = min(2 * pause, REFUSED_SECONDS_MAX)
            except Exception as error:  # noqa: BLE001 - whatever it is, the work goes on
                log.debug("heartbeat.dropped", error=error_text(error))
            await asyncio.sleep(pause)

    async def say_farewell(self, producer: Producer, topic: str) -> None:
        """Say that the process ends, if Kafka takes it at once."""
        if not self._connected:
            return
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._send(producer, topic, self.status(stopped=True))

    async def _send(self, producer: Producer, topic: str, status: PipelineStatus) -> None:
        await producer.send_and_wait(
            topic, key=self._role.encode(), value=encode(status), headers=process_status_headers(status)
        )


@asynccontextmanager
async def beating(settings: KafkaSettings, role: Role, health: Health, outages: Outages) -> AsyncIterator[Heartbeat]:
    """Publish the heartbeat of a process within this context."""
    heartbeat, topic = Heartbeat(role, health, outages), settings.kafka_topic_prefix + PIPELINE_STATUS
    producer = AIOKafkaProducer(
        **client_options(settings),
        acks=1,
        enable_idempotence=False,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        retry_backoff_ms=500,
    )
    task = asyncio.create_task(heartbeat.beat(producer, topic))
    try:
        yield heartbeat
    finally:
        task.cancel()
        await asyncio.wait([task])
        await heartbeat.say_farewell(producer, topic)
        with suppress(KafkaError):
            await producer.stop()
