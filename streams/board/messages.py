"""Applies one message of a topic to the board. Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from streams import contracts
from streams.board.parked import Parked
from streams.board.state import Board
from streams.contracts import PipelineStatus, decode_classified, decode_rejected
from streams.contracts.message_time import message_time
from streams.contracts.topics import (
    IMAGE_CLASSIFICATIONS,
    IMAGE_REJECTIONS,
    IMAGE_UPLOADS,
    IMAGE_UPLOADS_BULK,
    PIPELINE_STATUS,
)
from streams.contracts.traceparent import carried
from streams.notifications.upload import ImageUploaded, parse
from streams.retry.waiting import waiting_of

STATUS_BYTES_MAX: Final = 16 * 1024
"""Statuses are remembered, so a larger one is none."""

_status_decoder: Final = msgspec.json.Decoder(PipelineStatus)


class Messages:
    """Applies messages. ``unreadable`` counts those that break their contract; they are skipped."""

    def __init__(self, board: Board, prefix: str, delays: Mapping[str, timedelta]) -> None:
        """``delays``: how long an upload waits on each retry topic, by the topic's name without prefix."""
        self._board = board
        self._prefix = prefix
        self._delays = delays
        self._handlers: dict[str, Callable[[Any, datetime], None]] = {
            prefix + IMAGE_UPLOADS: self._uploads,
            prefix + IMAGE_UPLOADS_BULK: self._uploads,
            prefix + IMAGE_CLASSIFICATIONS: self._classified,
            prefix + IMAGE_REJECTIONS: self._rejected,
            prefix + PIPELINE_STATUS: self._status,
            **{prefix + topic: self._parked for topic in delays},
        }
        self.unreadable = 0

    def apply(self, message: Any) -> None:
        """Apply one message of aiokafka's, at the time of its Kafka timestamp."""
        if message.value is None:  # a tombstone
            return
        try:
            self._handlers[message.topic](message, message_time(message.timestamp, datetime.now(UTC)))
        except (msgspec.DecodeError, ArithmeticError, ValueError):  # also a timestamp out of range
            self.unreadable += 1

    def _uploads(self, message: Any, at: datetime) -> None:
        for upload in parse(message.value):
            if isinstance(upload, ImageUploaded):  # a malformed one follows as a rejection
                self._board.queued(upload, at, _trace_id(message))

    def _parked(self, message: Any, at: datetime) -> None:
        topic = message.topic.removeprefix(self._prefix)
        found = waiting_of(message, topic, self._delays[topic], datetime.now(UTC))
        named = (each for each in parse(message.value) if isinstance(each, ImageUploaded))
        upload = next((each for each in named if each.id == found.id), None)
        self._board.parked(Parked.of(found, upload, at))

    def _classified(self, message: Any, at: datetime) -> None:
        self._board.decided(decode_classified(message.value), at, _trace_id(message))

    def _rejected(self, message: Any, at: datetime) -> None:
        self._board.decided(decode_rejected(message.value), at, _trace_id(message))

    def _status(self, message: Any, _at: datetime) -> None:
        if len(message.value) > STATUS_BYTES_MAX:
            raise ValueError("a status has some hundred bytes")
        self._board.update_status(contracts.read(_status_decoder, message.value), datetime.now(UTC))


def _trace_id(message: Any) -> str | None:
    trace = carried(message.headers)
    return trace.trace_id if trace else None
