"""Publishes messages again at a limited rate, each confirmed by the broker. Fails where a service would wait."""

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

from aiokafka import AIOKafkaProducer

from streams.kafka.errors import broker_errors
from streams.kafka.publisher import producer_options
from streams.replay.messages import OutgoingMessage
from streams.runtime.rate_limit import Pace
from streams.runtime.settings import KafkaSettings

UNCONFIRMED_MAX: Final = 100
"""Messages in flight: enough to keep the connection busy, and at most 100 of the largest in memory."""


class Republisher:
    """
    A producer that gives up after ``publisher.REQUEST_TIMEOUT_MS`` without an answer, because a person waits for it.

    Args:
        settings: The Kafka connection.
        rate: Maximum of messages a second; None for as fast as the broker confirms.
        on_confirmed: Called for each confirmed message.
    """

    def __init__(
        self, settings: KafkaSettings, *, rate: float | None = None, on_confirmed: Callable[[], None] = lambda: None
    ) -> None:
        self._settings = settings
        self._pace = Pace(rate)
        self._on_confirmed = on_confirmed
        self._unconfirmed: deque[asyncio.Future[Any]] = deque()
        self.confirmed = 0

    async def __aenter__(self) -> Self:
        # Created here: the client needs a running event loop.
        self._producer = AIOKafkaProducer(
            **producer_options(self._settings),
        )
        with broker_errors():
            try:
                await self._producer.start()
            except BaseException:
                await self._producer.stop()
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                await self.flush()
        finally:
            await self._producer.stop()

    async def publish(self, message: OutgoingMessage) -> None:
        """
        Send a message once the rate limiter allows it; ``flush`` waits for its confirmation.

        Raises:
            BrokerRefusal: if this message or an earlier one is not confirmed.
        """
        await self._pace.turn()
        with broker_errors():
            sent = await self._producer.send(
                self._settings.kafka_topic_prefix + message.topic,
                key=message.key,
                value=message.value,
                headers=message.headers,
            )
        self._unconfirmed.append(sent)
        if len(self._unconfirmed) >= UNCONFIRMED_MAX:
            await self._confirm()

    async def flush(self) -> None:
        """Wait until the broker has confirmed every message. Raises BrokerRefusal if it does not."""
        while self._unconfirmed:
            await self._confirm()

    async def _confirm(self) -> None:
        with broker_errors():
            await self._unconfirmed.popleft()
        self.confirmed += 1
        self._on_confirmed()
