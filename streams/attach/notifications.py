"""
A bucket's notification configuration, as boto3 gives it: what overlaps, and how ours is added and removed. Pure.

S3 replaces the configuration as a whole, so everything else in it is passed back as it came.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

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


def ours(name: str, queue_arn: str, prefix: str) -> Target:
    """The destination that attach adds."""
    return Target("queue", queue_arn, name, EVENTS, prefix)


def own(found: Configuration, name: str) -> Target | None:
    """The destination that attach has added; None if there is none."""
    return next((each for each in targets(found) if each.kind == "queue" and each.id == name), None)


def others(found: Configuration, name: str) -> list[Target]:
    """All destinations but that of attach."""
    return [each for each in targets(found) if not (each.kind == "queue" and each.id == name)]


def refuse_conflicts(found: Configuration, name: str, prefix: str) -> None:
    """
    Raise AttachRefused if S3 would refuse ours: it sends an event to one destination.

    Two filters overlap if one prefix begins with the other and one suffix ends with the other; ours has no suffix.
    EventBridge gets every event and is in nobody's way.
    """
    for each in others(found, name):
        prefixes = each.prefix.startswith(prefix) or prefix.startswith(each.prefix)
        if prefixes and any(event.startswith("s3:ObjectCreated:") for event in each.events):
            raise AttachRefused(
                f"S3 sends an event to one destination, and another one has these events already: {each}",
                "attach another --prefix, or remove that configuration first, or send on what it gets: the bridge "
                "reads what SNS and EventBridge put into its queue, too.",
            )


def with_ours(found: Configuration, name: str, queue_arn: str, prefix: str) -> dict[str, Any]:
    """The configuration with ours behind the other queues."""
    added: dict[str, Any] = {"Id": name, "QueueArn": queue_arn, "Events": list(EVENTS)}
    if prefix:
        added["Filter"] = {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}}
    return {**found, _QUEUES: [*found.get(_QUEUES, ()), added]}


def without_ours(found: Configuration, name: str) -> dict[str, Any]:
    """The configuration without ours."""
    kept = [each for each in found.get(_QUEUES, ()) if each.get("Id") != name]
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


def _comparable(found: Configuration) -> set[Target]:
    return {replace(each, events=tuple(sorted(each.events))) for each in targets(found)}


def _rules(each: Mapping[str, Any]) -> dict[str, str]:
    rules = each.get("Filter", {}).get("Key", {}).get("FilterRules", ())
    return {rule["Name"].lower(): rule["Value"] for rule in rules}
