"""Asks which operations on topics Kafka permits, without trying them: Metadata v8, which the client does not offer."""

from collections.abc import Collection
from typing import Any, Final, cast

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import IncompatibleBrokerVersion
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

BITS: Final = {"READ": 3, "WRITE": 4, "CREATE": 5, "DESCRIBE": 8, "DESCRIBE_CONFIGS": 10}
"""Bits of a set of operations. Source: Apache Kafka, org.apache.kafka.common.acl.AclOperation."""
UNKNOWN: Final = -(2**31)
"""The broker does not state the operations. Source: Apache Kafka, MetadataResponse.AUTHORIZED_OPERATIONS_OMITTED."""

_TEXT: Final = String("utf-8")


class _Response(Response):  # type: ignore[misc] # aiokafka has no types
    """Source: Apache Kafka, MetadataResponse.json, version 8."""

    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", Array(("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT))),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", _TEXT),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("authorized_operations", Int32),
    )


class _RequestV8(RequestStruct):  # type: ignore[misc] # aiokafka has no types
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(
        ("topics", Array(_TEXT)),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _MetadataRequest(Request[_RequestV8]):  # type: ignore[misc] # aiokafka has no types
    API_KEY = 3

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_RequestV8]) -> _RequestV8:
        return request_struct_class(self._topics, False, False, True)  # noqa: FBT003 - fields of the protocol


async def authorized(admin: AIOKafkaAdminClient, topics: Collection[str]) -> dict[str, frozenset[str]] | None:
    """
    The operations of BITS that are permitted, by topic; None if the broker does not state them.

    Topics that we may not even see are left out.
    """
    try:
        response = await admin._send_request(_MetadataRequest(sorted(topics)))  # noqa: SLF001 - no public API
    except (IncompatibleBrokerVersion, NotImplementedError):
        return None
    bits_by_topic = {each["topic"]: each["authorized_operations"] for each in response.to_object()["topics"]}
    if UNKNOWN in bits_by_topic.values():
        return None
    return {name: _operations(bits) for name, bits in cast("dict[str, Any]", bits_by_topic).items() if bits}


def _operations(bits: int) -> frozenset[str]:
    return frozenset(name for name, bit in BITS.items() if bits & (1 << bit))
