"""What is on the topics, in the words of the account. Messages are as Kafka's client gives them."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from streams.contracts import decode_classified, decode_rejected
from streams.contracts.topics import IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS, RETRY_TOPICS
from streams.notifications.upload import ImageUploaded, Malformed, parse
from tests.chaos.history import Event, Identity, Version
from tests.chaos.hostile import key_of
from tests.chaos.waits import Parked

RESULTS: Final = (IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS)


def result(message: Any) -> Event:
    """A message of one of the topics of results."""
    at = message.timestamp / 1000
    if message.topic.endswith(IMAGE_CLASSIFICATIONS):
        label = decode_classified(message.value)
        return Event(label.key, label.version_id, label.etag, label.classification, at)
    why = decode_rejected(message.value)
    return Event(why.key or f"message {why.id}", why.version_id, why.etag, why.reason, at)


def identities(body: bytes, versions: Mapping[str, list[Version]]) -> set[Identity]:
    """The versions, of those that are known by their key, which a notification is about."""
    found: set[Identity] = set()
    for upload in parse(body):
        if isinstance(upload, Malformed):
            found.add((key_of(upload.record), None))
        elif isinstance(upload, ImageUploaded):
            under = versions.get(upload.key, [])
            named = {v.identity for v in under if v.identity[1] in {upload.version_id, upload.etag}}
            found |= named or {v.identity for v in under if v.version_id is None}
    return found


def by_key(versions: Iterable[Version]) -> dict[str, list[Version]]:
    """Versions by the key of their object."""
    found: dict[str, list[Version]] = {}
    for version in versions:
        found.setdefault(version.key, []).append(version)
    return found


def arrivals(messages: Iterable[Any], versions: Mapping[str, list[Version]]) -> dict[Identity, float]:
    """When the first message about each version came, in seconds of the Unix epoch."""
    first: dict[Identity, float] = {}
    for message in messages:
        at = message.timestamp / 1000
        for identity in identities(message.value or b"", versions):
            first[identity] = min(at, first.get(identity, at))
    return first


def parked(messages: Iterable[Any], versions: Mapping[str, list[Version]], delays: Iterable[float]) -> list[Parked]:
    """What was put onto the retry topics, whose delays in seconds these are."""
    delay_of = dict(zip(RETRY_TOPICS, delays, strict=True))
    return [
        Parked(identity, message.timestamp / 1000, delay)
        for message in messages
        for topic, delay in delay_of.items()
        if message.topic.endswith(topic)
        for identity in identities(message.value or b"", versions)
    ]
