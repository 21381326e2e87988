"""One message of a result topic as a typed value, with its position. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import msgspec

from streams import contracts
from streams.contracts import Event, PipelineStatus
from streams.contracts.cloudevents import EVENT_TYPES, PROCESS_STATUS_TYPE
from streams.contracts.message_time import message_time
from streams.contracts.topics import PIPELINE_STATUS
from streams.contracts.traceparent import TRACEPARENT

_STATUS: Final[msgspec.json.Decoder[Event]] = msgspec.json.Decoder(PipelineStatus)
_BY_TYPE: Final[dict[str, msgspec.json.Decoder[Event]]] = {
    ce_type: msgspec.json.Decoder(contract) for contract, ce_type in EVENT_TYPES.items()
} | {PROCESS_STATUS_TYPE: _STATUS}


class KafkaMessage(Protocol):
    """The used fields of a Kafka client's message, such as aiokafka's ConsumerRecord."""

    topic: str
    partition: int
    offset: int
    timestamp: int  # milliseconds since 1970
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]  # Kafka allows null values and repeated names


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """
    One event, and its position.

    ``topic`` is without prefix. ``ce_id`` and ``ce_type`` are None of the status of `storage`, which has no headers.
    ``timestamp`` is the message's, in UTC; the time of reading if the message's is out of range (message_time.py).
    ``traceparent`` is None if the message has none. ``key`` and ``body`` are the message's bytes.
    """

    event: Event
    topic: str
    partition: int
    offset: int
    key: bytes | None
    timestamp: datetime
    ce_id: str | None
    ce_type: str | None
    traceparent: str | None
    body: bytes = field(repr=False)


class UnreadableEventError(Exception):
    """A message that cannot be read as a typed value. It has the whole message, for a dead letter."""

    def __init__(self, why: str, message: KafkaMessage) -> None:
        super().__init__(f"{message.topic}, partition {message.partition}, offset {message.offset}: {why}")
        self.topic = message.topic
        self.partition = message.partition
        self.offset = message.offset
        self.headers = tuple(message.headers or ())
        self.body = message.value


class UndecodableEventError(UnreadableEventError):
    """The body is not JSON, or breaks its contract."""


class UnknownEventTypeError(UnreadableEventError):
    """The ``ce_type`` is unknown to this version: another kind of event, or a newer major version."""

    def __init__(self, ce_type: str | None, message: KafkaMessage) -> None:
        super().__init__(f"unknown ce_type {ce_type}", message)
        self.ce_type = ce_type


def read(message: KafkaMessage, *, prefix: str = "") -> ReceivedEvent:
    """
    A message of a result topic as a typed value. ``prefix`` is KAFKA_TOPIC_PREFIX, put before each topic's name.

    Raises:
        UnknownEventTypeError: its ``ce_type`` is missing, or none of this version's.
        UndecodableEventError: its body breaks the contract of its ``ce_type``.
    """
    headers: dict[str, str] = {}
    for name, value in message.headers or ():
        if value is not None:  # null counts as missing; of repeated names the first counts
            headers.setdefault(name, value.decode(errors="replace"))
    topic, ce_type = message.topic.removeprefix(prefix), headers.get("ce_type")
    decoder: msgspec.json.Decoder[Any] | None = _BY_TYPE.get(ce_type or "")
    if decoder is None and ce_type is None and topic == PIPELINE_STATUS:
        decoder = _STATUS
    if decoder is None:
        raise UnknownEventTypeError(ce_type, message)
    body = message.value or b""
    try:
        event: Event = contracts.read(decoder, body)
    except msgspec.DecodeError as error:
        raise UndecodableEventError(str(error), message) from error
    return ReceivedEvent(
        event=event,
        topic=topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        timestamp=message_time(message.timestamp, datetime.now(UTC)),
        ce_id=headers.get("ce_id"),
        ce_type=ce_type,
        traceparent=headers.get(TRACEPARENT),
        body=body,
    )
