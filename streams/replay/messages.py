"""
Builds the messages of a replay with their keys. Pure.

A replay publishes the original message byte for byte. Its outcome has the version of the original, so a newer upload
still wins, and replaying twice changes nothing.
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
from streams.runtime.error_text import error_text
from streams.runtime.excerpts import is_marked
from streams.sink.rows import record_of


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to publish; ``topic`` has no prefix."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Headers = field(default_factory=list)


class NotReplayable(Exception):  # noqa: N818 - the name says what happened
    """The result would be refused again."""


def upload_message(event: bytes) -> OutgoingMessage:
    """The notification and its key as the bridge publishes them, but on the bulk topic: live uploads go first."""
    return OutgoingMessage(IMAGE_UPLOADS_BULK, partition_key(parse(event)), event)


def is_replayable(detail: str) -> bool:
    """Whether a rejection kept its upload event whole (excerpts.py); ``detail`` is the rejection's."""
    return not is_marked(detail)


class Once:
    """
    Accepts the first of equal messages.

    Duplicates arise because each object of a notification has its own rejection, and because a result that is refused
    again becomes another dead letter. Keeps 16 bytes for each message.
    """

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    def __call__(self, message: OutgoingMessage) -> bool:
        """Whether it is the first message with this topic and value."""
        digest = hashlib.blake2b(message.topic.encode() + b"\0" + message.value, digest_size=16).digest()
        if digest in self._seen:
            return False
        self._seen.add(digest)
        return True


def result_of(letter: StorageDeadLetter) -> ImageClassified | ImageRejected:
    """
    The event whose row was refused.

    Raises:
        NotReplayable: if it was cut, breaks the contract, is not from a result topic, or does not fit into a row.
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
        raise NotReplayable(error_text(error)) from error
    return event


def result_message(
    letter: StorageDeadLetter, result: ImageClassified | ImageRejected, incoming: Iterable[tuple[str, bytes]]
) -> OutgoingMessage:
    """A refused result with its original topic, key, body and headers; the trace is the letter's."""
    key = None if result.bucket is None else f"{result.bucket}/{result.key}".encode()
    return OutgoingMessage(letter.topic, key, letter.event, cloudevents.headers(result, list(incoming)))
