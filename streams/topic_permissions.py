"""What each process needs to be allowed on a Kafka that asks: the least that suffices. Pure."""

from dataclasses import dataclass
from typing import Final, Literal

from streams.topics import (
    BULK_GROUP,
    CLASSIFIER_GROUP,
    IMAGE_CLASSIFICATIONS,
    IMAGE_REJECTIONS,
    IMAGE_UPLOADS,
    IMAGE_UPLOADS_BULK,
    PIPELINE_STATUS,
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


def _reads(group: str, *topics: str) -> tuple[Permission, ...]:
    return (Permission("READ", "group", group), *(Permission("READ", "topic", topic) for topic in topics))


def _writes(*topics: str) -> tuple[Permission, ...]:
    return tuple(Permission("WRITE", "topic", topic) for topic in topics)


ON_THE_WAY: Final = (
    *(Permission("READ", "topic", topic) for topic in (IMAGE_UPLOADS, IMAGE_UPLOADS_BULK, *RETRY_TOPICS)),
    *(Permission("READ", "topic", topic) for topic in (IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS)),
    *(Permission("DESCRIBE", "group", group) for group in (CLASSIFIER_GROUP, BULK_GROUP, RETRY_GROUP, SINK_GROUP)),
)
"""What tells which objects wait: see waiting_objects.py."""

PERMISSIONS: Final = {
    "bridge": _writes(IMAGE_UPLOADS),
    "classify": (
        *_reads(CLASSIFIER_GROUP, IMAGE_UPLOADS),
        *_reads(BULK_GROUP, IMAGE_UPLOADS_BULK),
        *_reads(RETRY_GROUP, *RETRY_TOPICS),
        *_writes(IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS, *RETRY_TOPICS),
    ),
    "sink": (
        *_reads(SINK_GROUP, IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS),
        *_writes(STORAGE_DEAD_LETTERS, PIPELINE_STATUS),
    ),
    "watch": tuple(Permission("READ", "topic", topic) for topic in (IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS)),
    # Reads without a group. How far the others' groups are, it may ask; it cannot join them.
    "board": (
        *(
            Permission("READ", "topic", topic)
            for topic in (
                *(IMAGE_UPLOADS, IMAGE_UPLOADS_BULK, *RETRY_TOPICS),
                *(IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS, PIPELINE_STATUS),
            )
        ),
        Permission("DESCRIBE", "group", CLASSIFIER_GROUP),
        Permission("DESCRIBE", "group", BULK_GROUP),
        Permission("DESCRIBE", "group", RETRY_GROUP),
        Permission("DESCRIBE", "group", SINK_GROUP),
    ),
    # Reads without a group what is on its way, and enqueues what is not.
    "reconcile": (*ON_THE_WAY, *_writes(IMAGE_UPLOADS_BULK)),
    # Creates and checks topics; enqueues what backfill, reconcile and replays send; reads what replays come from.
    # How far the groups are, it may ask.
    "operator": (
        *(
            Permission(operation, "topic", topic.name)
            for topic in TOPICS
            for operation in ("CREATE", "DESCRIBE_CONFIGS", "READ", "WRITE")
        ),
        *(Permission("DESCRIBE", "group", group) for group in (CLASSIFIER_GROUP, BULK_GROUP, RETRY_GROUP, SINK_GROUP)),
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
