"""
A bucket's notification configuration, as boto3 gives it: what overlaps, and how ours is added and removed. Pure.

S3 replaces the configuration as a whole, so everything else in it is passed back as it came.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import unquote_plus

from streams.attach.attachment import Attachment
from streams.attach.errors import AttachRefused

Configuration = Mapping[str, Any]
"""The whole of a bucket, in the shape of GetBucketNotificationConfiguration without ResponseMetadata."""

EVENTS: Final = ("s3:ObjectCreated:*",)
_QUEUES: Final = "QueueConfigurations"
_EVENT_BRIDGE: Final = "EventBridgeConfiguration"
_KINDS: Final = {
    _QUEUES: ("queue", "QueueArn"),
    "TopicConfigurations": ("topic", "TopicArn"),
    "LambdaFunctionConfigurations": ("function", "LambdaFunctionArn"),
}
_ELEMENTS: Final = frozenset(
    {
        *("NotificationConfiguration", "TopicConfiguration", "QueueConfiguration", "CloudFunctionConfiguration"),
        *("EventBridgeConfiguration", "Id", "Topic", "Queue", "CloudFunction", "Event"),
        *("Filter", "S3Key", "FilterRule", "Name", "Value"),
    }
)
_ELEMENT: Final = re.compile(rb"<([A-Za-z][A-Za-z0-9]*)[\s/>]")


@dataclass(frozen=True, slots=True)
class Target:
    """One destination of a bucket's events: a queue, a topic, a function, or EventBridge."""

    kind: str
    arn: str
    id: str = ""
    events: tuple[str, ...] = ()
    prefix: str = ""
    suffix: str = ""

    def __str__(self) -> str:
        """One line for people."""
        if not self.arn:
            return self.kind
        keys = f"{self.prefix}*{self.suffix}"
        return f"{self.kind} {self.arn} ({self.id}): {', '.join(self.events)} of {keys}"


def targets(found: Configuration) -> Iterator[Target]:
    """All destinations in the order of the configuration."""
    for key, (kind, arn) in _KINDS.items():
        for each in found.get(key, ()):
            rules = _rules(each)
            yield Target(
                kind,
                each[arn],
                each.get("Id", ""),
                tuple(each["Events"]),
                rules.get("prefix", ""),
                rules.get("suffix", ""),
            )
    if _EVENT_BRIDGE in found:
        yield Target("EventBridge", "")


def ours(attachment: Attachment, queue_arn: str) -> Target:
    """The destination that attach adds."""
    return Target("queue", queue_arn, attachment.name, EVENTS, attachment.prefix)


def own(found: Configuration, attachment: Attachment) -> Target | None:
    """The destination that attach has added; None if there is none."""
    return next((each for each in targets(found) if _is_of(attachment, each)), None)


def others(found: Configuration, attachment: Attachment) -> list[Target]:
    """All destinations but that of attach."""
    return [each for each in targets(found) if not _is_of(attachment, each)]


def creations(found: Configuration, attachment: Attachment) -> list[Target]:
    """Other destinations that get uploads of any keys. EventBridge gets every event and is in nobody's way."""
    return [
        each
        for each in others(found, attachment)
        if any(event.startswith("s3:ObjectCreated:") for event in each.events)
    ]


def attached(found: Configuration, bucket: str) -> Iterator[Attachment]:
    """What petstream attach has added to the bucket, whatever the prefix."""
    for each in targets(found):
        if attachment := _attachment_of(bucket, each):
            yield attachment


def refuse_conflicts(found: Configuration, attachment: Attachment) -> None:
    """
    Raise AttachRefused if S3 would refuse ours: it sends an event to one destination.

    Two filters overlap if one prefix begins with the other and one suffix ends with the other; ours has no suffix.
    """
    conflicts = [
        each for each in creations(found, attachment) if _overlap(attachment.prefix, unquote_plus(each.prefix))
    ]
    if conflicts:
        raise conflict(attachment.bucket, conflicts)


def conflict(bucket: str, overlapping: Sequence[Target]) -> AttachRefused:
    """The error that names other destinations of the same uploads, and what to do about them."""
    mine = [str(attachment) for each in overlapping if (attachment := _attachment_of(bucket, each))]
    if len(mine) == len(overlapping) == 1:
        way = f"or first run: petstream detach {mine[0]}"
    else:
        way = (
            "or remove that notification, or let SNS or EventBridge tell a second queue: the bridge reads their "
            "messages, too."
        )
    others_get = "; ".join(map(str, overlapping))
    return AttachRefused(
        f"S3 sends an upload to one destination only, and others get uploads already: {others_get}",
        f"choose another --prefix, {way}",
    )


def with_ours(found: Configuration, attachment: Attachment, queue_arn: str) -> dict[str, Any]:
    """The configuration with ours behind the other queues."""
    added: dict[str, Any] = {"Id": attachment.name, "QueueArn": queue_arn, "Events": list(EVENTS)}
    if attachment.prefix:
        added["Filter"] = {"Key": {"FilterRules": [{"Name": "prefix", "Value": attachment.prefix}]}}
    return {**found, _QUEUES: [*found.get(_QUEUES, ()), added]}


def without_ours(found: Configuration, attachment: Attachment) -> dict[str, Any]:
    """The configuration without ours."""
    kept = [each for each in found.get(_QUEUES, ()) if each.get("Id") != attachment.name]
    rest = {key: value for key, value in found.items() if key != _QUEUES}
    return {**rest, _QUEUES: kept} if kept else rest


def is_same(one: Configuration, other: Configuration) -> bool:
    """Whether both mean the same. S3 gives back filter names in upper case, and keeps no order."""
    return _comparable(one) == _comparable(other)


def unknown_elements(xml: bytes) -> set[str]:
    """
    Elements of S3's answer that this boto3 does not know and drops.

    Written back without them, the configuration would lose something that somebody else made.
    """
    return {name.decode() for name in _ELEMENT.findall(xml)} - _ELEMENTS


def _is_of(attachment: Attachment, target: Target) -> bool:
    return target.kind == "queue" and target.id == attachment.name


def _attachment_of(bucket: str, target: Target) -> Attachment | None:
    attachment = Attachment(bucket, target.prefix)
    return attachment if _is_of(attachment, target) else None


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _comparable(found: Configuration) -> set[Target]:
    return {replace(each, events=tuple(sorted(each.events))) for each in targets(found)}


def _rules(each: Mapping[str, Any]) -> dict[str, str]:
    rules = each.get("Filter", {}).get("Key", {}).get("FilterRules", ())
    return {rule["Name"].lower(): rule["Value"] for rule in rules}
