"""Where an upload came from: its message, and the attempts before this one. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from streams.consumer.faust_app import message_headers
from streams.contracts.message_time import message_time
from streams.retry.attempt import Attempt, has_attempt, read


@dataclass(frozen=True, slots=True)
class Source:
    """The message that named an upload, and the attempts before, if it comes from a retry topic or is a copy."""

    message: bytes
    headers: Sequence[tuple[str, bytes | None]]
    received: datetime
    topic: str
    partition: int
    offset: int
    attempt: Attempt | None
    is_ours: Callable[[], bool]
    """Whether this process still owns the message. Called when its turn comes, which may take long."""

    @property
    def origin(self) -> str:
        """The topic, without prefix, of the upload's first attempt."""
        return self.attempt.topic if self.attempt else self.topic

    @property
    def parked(self) -> Attempt | None:
        """
        The attempts before this one, if the limits of a retry topic apply.

        A copy comes on the same topics as new uploads, and their limits apply to it.
        """
        return None if self.attempt is None or self.attempt.is_copy else self.attempt


def source_of(event: Any, topic: str, *, is_retry_topic: bool, now: datetime) -> Source:
    """The source of the uploads in one event of ``topic`` (without prefix), as ``Intake`` takes it."""
    message, headers = event.message, message_headers(event.message)
    attempt = read(headers, now=now) if is_retry_topic or has_attempt(headers) else None
    return Source(
        message=event.value or b"",
        headers=headers,
        received=message_time(message.timestamp * 1000, now),
        topic=topic,
        partition=message.partition,
        offset=message.offset,
        attempt=attempt if is_retry_topic or (attempt is not None and attempt.is_copy) else None,
        is_ours=getattr(event, "is_ours", _always),  # Faust's events lack it and never wait
    )


def _always() -> bool:
    return True
