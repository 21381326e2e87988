"""Publishes events on topics. Nothing is settled before the broker has confirmed it (acks=all)."""

from typing import Any, Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordTooLargeError

from streams.contracts.cloudevents import Headers
from streams.contracts.topics import MAX_WRAPPED_BYTES
from streams.kafka.security import client_options
from streams.runtime.outages import Outages
from streams.runtime.retries import until_available
from streams.runtime.settings import KafkaSettings

REQUEST_TIMEOUT_MS: Final = 30_000

MESSAGE_TOO_LARGE: Final = (MessageSizeTooLargeError, RecordTooLargeError)
"""A message that no broker will ever take: retrying it would hold everything behind it for ever."""


def producer_options(settings: KafkaSettings) -> dict[str, Any]:
    """The options of every producer: they define what a confirmation means."""
    return client_options(settings) | {
        "acks": "all",
        # Not idempotent: outcomes are, by id and version, and a producer whose sequence the broker forgot is stuck.
        "enable_idempotence": False,
        "max_request_size": MAX_WRAPPED_BYTES + 65_536,  # the message and its batch's header
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
    }


class Publisher:
    """A producer whose ``publish`` returns once the broker has confirmed, however long the broker is away."""

    def __init__(self, settings: KafkaSettings, outages: Outages) -> None:
        self._prefix = settings.kafka_topic_prefix
        self._outages = outages
        self._producer = AIOKafkaProducer(
            **producer_options(settings),
            linger_ms=2,  # the events of one batch share a request; far below every promised latency
        )

    async def __aenter__(self) -> Self:
        await until_available(self._producer.start, on=KafkaError, component="kafka", outages=self._outages)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    async def publish(self, topic: str, *, key: bytes | None, value: bytes, headers: Headers) -> None:
        """
        Return once the broker has confirmed the message.

        Raises:
            MessageSizeTooLargeError: if no attempt can succeed.
        """

        async def attempt() -> None:
            confirmed = await self._producer.send(self._prefix + topic, key=key, value=value, headers=headers)
            await confirmed

        await until_available(attempt, on=_is_outage, component="kafka", outages=self._outages)


def _is_outage(error: Exception) -> bool:
    # A topic that does not exist is an outage too: creating it mends it, and until then nothing may be dropped.
    return isinstance(error, KafkaError) and not isinstance(error, MESSAGE_TOO_LARGE)
