"""
What is published again, and under which key. Pure.

A replay is the original message, byte for byte: its outcome has the version of the first one, so a newer upload still
wins, and replaying twice changes nothing.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from persistence.errors import PermanentPersistenceError
from streams.contracts import (
    ImageClassified,
    ImageRejected,
    StorageDeadLetter,
    cloudevents,
    decode_classified,
    decode_rejected,
)
from streams.contracts.cloudevents import Headers
from streams.contracts.topics import IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS, IMAGE_UPLOADS_BULK
from streams.notifications.upload import parse, partition_key
from streams.runtime.excerpts import is_marked
from streams.sink.rows import record_of


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """What goes onto a topic, whose name is without prefix."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Headers = field(default_factory=list)


class NotReplayable(Exception):  # noqa: N818 - the name says what happened
    """It would be refused again, as it was before."""


def upload_message(event: bytes) -> OutgoingMessage:
    """A notification as the bridge publishes it, with its object's key, but to be read after what is uploaded now."""
    return OutgoingMessage(IMAGE_UPLOADS_BULK, partition_key(parse(event)), event)


def is_replayable(detail: str) -> bool:
    """Whether a rejection's upload event is there as a whole (excerpts.py); ``detail`` is the rejection's."""
    return not is_marked(detail)


class Once:
    """
    Lets the first of equal messages through.

    A notification may name several objects, each with a rejection of its own; and a result that is refused again is a
    dead letter again. Remembers 16 bytes of each message.
    """

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    def __call__(self, message: OutgoingMessage) -> bool:
        """Whether it is the first of its kind."""
        digest = hashlib.blake2b(message.topic.encode() + b"\0" + message.value, digest_size=16).digest()
        if digest in self._seen:
            return False
        self._seen.add(digest)
        return True


def result_of(letter: StorageDeadLetter) -> ImageClassified | ImageRejected:
    """
    The event whose row was refused.

    Raises:
        NotReplayable: it was cut, breaks the contract, comes from no topic of results, or holds what no row can.
    """
    decoders: dict[str, Callable[[bytes], ImageClassified | ImageRejected]] = {
        IMAGE_CLASSIFICATIONS: decode_classified,
        IMAGE_REJECTIONS: decode_rejected,
    }
    if letter.event_truncated:
        raise NotReplayable(f"its event was cut; the whole one has the sha256 {letter.event_sha256}")
    if letter.topic not in decoders:
        raise NotReplayable(f"{letter.topic!r} is no topic of results")
    try:
        event = decoders[letter.topic](letter.event)
        record_of(event)
    except (msgspec.DecodeError, PermanentPersistenceError) as error:
        raise NotReplayable(str(error)) from error
    return event


def result_message(
    letter: StorageDeadLetter, result: ImageClassified | ImageRejected, incoming: Iterable[tuple[str, bytes]]
) -> OutgoingMessage:
    """A refused result as it was published first: its topic, key, body and headers; the trace is the letter's."""
    key = None if result.bucket is None else f"{result.bucket}/{result.key}".encode()
    return OutgoingMessage(letter.topic, key, letter.event, cloudevents.headers(result, list(incoming)))
