"""The least permissions that each process needs on a Kafka with access control. Pure."""

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

_TOOL_NAMES: Final = {
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


def _joins(group: str) -> tuple[Permission, ...]:
    return (Permission("READ", "group", group), *_reads(*READ_BY[group]))


def _writes(*topics: str) -> tuple[Permission, ...]:
    return tuple(Permission("WRITE", "topic", topic) for topic in topics)


_READS_ALL_QUEUED: Final = _reads(*(topic for topics in READ_BY.values() for topic in topics))
_DESCRIBES_GROUPS: Final = tuple(Permission("DESCRIBE", "group", group) for group in READ_BY)

PERMISSIONS: Final = {
    "bridge": _writes(IMAGE_UPLOADS, PIPELINE_STATUS),
    "classify": (
        *_joins(CLASSIFIER_GROUP),
        *_joins(BULK_GROUP),
        *_joins(RETRY_GROUP),
        *_writes(IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS, *RETRY_TOPICS, PIPELINE_STATUS),
    ),
    "sink": (
        *_joins(SINK_GROUP),
        *_writes(STORAGE_DEAD_LETTERS, PIPELINE_STATUS),
    ),
    "watch": _reads(IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS),
    # Reads without a group. It may describe the other processes' groups, but not join them.
    "board": (*_READS_ALL_QUEUED, *_reads(PIPELINE_STATUS), *_DESCRIBES_GROUPS),
    # Reads without a group which objects wait (waiting_objects.py), and enqueues those that do not.
    "reconcile": (*_READS_ALL_QUEUED, *_DESCRIBES_GROUPS, *_writes(IMAGE_UPLOADS_BULK)),
    # Creates and checks topics; enqueues for backfill, reconcile and replays; reads what replays send again; describes
    # the groups.
    "operator": (
        *(
            Permission(operation, "topic", topic.name)
            for topic in TOPICS
            for operation in ("CREATE", "DESCRIBE_CONFIGS", "READ", "WRITE")
        ),
        *_DESCRIBES_GROUPS,
    ),
}
"""By role. ``operator`` runs topics, check, backfill, reconcile, rejections, retries and storage-dead-letters."""


def commands(role: str, principal: str, *, prefix: str, servers: str) -> list[str]:
    """
    The commands of Kafka's own tool that grant a role to a principal such as ``User:petstream-sink``.

    Raises:
        KeyError: the role does not exist.
    """
    return [
        f"kafka-acls.sh --bootstrap-server {servers} --add --allow-principal '{principal}' "
        f"--operation {_TOOL_NAMES[permission.operation]} --{permission.resource} '{prefix}{permission.name}'"
        for permission in PERMISSIONS[role]
    ]
