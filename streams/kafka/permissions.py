"""What each process needs to be allowed on a Kafka that asks: the least that suffices. Pure."""

from dataclasses import dataclass
from typing import Final, Literal

from streams.contracts.topics import (
    BULK_GROUP,
    CLASSIFIER_GROUP,
    IMAGE_CLASSIFICATIONS,
    IMAGE_REJECTIONS,
    IMAGE_UPLOADS,
    IMAGE_UPLOADS_BULK,
    PIPELINE_STATUS,
    READ_BY,
    RETRY_GROUP,
    RETRY_TOPICS,
    SINK_GROUP,
    STORAGE_DEAD_LETTERS,
    TOPICS,
)

Operation = Literal["READ", "WRITE", "CREATE", "DESCRIBE", "DESCRIBE_CONFIGS"]
"""Each of READ and WRITE includes DESCRIBE. Source: Apache Kafka documentation, "Authorization and ACLs"."""

_TOOLS_WORD: Final = {
    "READ": "Read",
    "WRITE": "Write",
    "CREATE": "Create",
    "DESCRIBE": "Describe",
    "DESCRIBE_CONFIGS": "DescribeConfigs",
}


@dataclass(frozen=True, slots=True)
class Permission:
    """One operation on one topic or consumer group; ``name`` without KAFKA_TOPIC_PREFIX."""

    operation: Operation
    resource: Literal["topic", "group"]
    name: str


def _reads(*topics: str) -> tuple[Permission, ...]:
    return tuple(Permission("READ", "topic", topic) for topic in topics)


def _is_in(group: str) -> tuple[Permission, ...]:
    return (Permission("READ", "group", group), *_reads(*READ_BY[group]))


def _writes(*topics: str) -> tuple[Permission, ...]:
    return tuple(Permission("WRITE", "topic", topic) for topic in topics)


_ON_THE_WAY: Final = _reads(*(topic for topics in READ_BY.values() for topic in topics))
_LOOKS_AT_GROUPS: Final = tuple(Permission("DESCRIBE", "group", group) for group in READ_BY)

PERMISSIONS: Final = {
    "bridge": _writes(IMAGE_UPLOADS),
    "classify": (
        *_is_in(CLASSIFIER_GROUP),
        *_is_in(BULK_GROUP),
        *_is_in(RETRY_GROUP),
        *_writes(IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS, *RETRY_TOPICS),
    ),
    "sink": (
        *_is_in(SINK_GROUP),
        *_writes(STORAGE_DEAD_LETTERS, PIPELINE_STATUS),
    ),
    "watch": _reads(IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS),
    # Reads without a group. How far the others' groups are, it may ask; it cannot join them.
    "board": (*_ON_THE_WAY, *_reads(PIPELINE_STATUS), *_LOOKS_AT_GROUPS),
    # Reads without a group what is on its way (waiting_objects.py), and enqueues what is not.
    "reconcile": (*_ON_THE_WAY, *_LOOKS_AT_GROUPS, *_writes(IMAGE_UPLOADS_BULK)),
    # Creates and checks topics; enqueues what backfill, reconcile and replays send; reads what replays come from.
    # How far the groups are, it may ask.
    "operator": (
        *(
            Permission(operation, "topic", topic.name)
            for topic in TOPICS
            for operation in ("CREATE", "DESCRIBE_CONFIGS", "READ", "WRITE")
        ),
        *_LOOKS_AT_GROUPS,
    ),
}
"""By role. ``operator`` runs topics, check, backfill, reconcile, rejections, retries and storage-dead-letters."""


def commands(role: str, principal: str, *, prefix: str, servers: str) -> list[str]:
    """
    The calls of Kafka's own tool that give a role to a principal such as ``User:petstream-sink``.

    Raises:
        KeyError: for a role that there is not.
    """
    return [
        f"kafka-acls.sh --bootstrap-server {servers} --add --allow-principal '{principal}' "
        f"--operation {_TOOLS_WORD[permission.operation]} --{permission.resource} '{prefix}{permission.name}'"
        for permission in PERMISSIONS[role]
    ]
