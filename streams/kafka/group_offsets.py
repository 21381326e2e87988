"""The offsets that a consumer group committed of a topic, read without joining the group."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from streams.kafka.errors import BrokerRefusal, broker_errors, partitions_of
from streams.kafka.security import client_options
from streams.kafka.stopping import opened
from streams.runtime.retries import Policy, retried
from streams.runtime.settings import KafkaSettings

COORDINATOR: Final = Policy(attempts=10, timeout_seconds=15)
"""A new cluster creates the topic of the groups' offsets at the first request about a group."""


async def committed(settings: KafkaSettings, group: str, topic: str) -> Mapping[int, int]:
    """
    The next offset that the group reads, by partition; partitions without a commit are left out.

    ``group`` and ``topic`` are without prefix.

    Raises:
        BrokerRefusal: no broker answers, the topic is missing, or access to the group is denied.
    """
    name, group = settings.kafka_topic_prefix + topic, settings.kafka_topic_prefix + group
    partitions = [TopicPartition(name, number) for number in await partitions_of(settings, topic)]
    with broker_errors():
        async with opened(AIOKafkaAdminClient(**client_options(settings))) as admin:
            found = await retried(
                lambda: fetch_offsets(admin, group, partitions),
                on=GroupCoordinatorNotAvailableError,
                policy=COORDINATOR,
            )
    return {at.partition: offset for at, offset in found.items()}


async def fetch_offsets(
    admin: AIOKafkaAdminClient, group: str, partitions: Sequence[TopicPartition]
) -> Mapping[TopicPartition, int]:
    """
    The next offset that a group (with prefix) reads; partitions without a commit are left out.

    Raises:
        KafkaError: the client's.
        BrokerRefusal: the answer leaves some out. The client overlooks an error of the whole group, which comes with an
            empty answer. Taken as "nothing committed", that would show messages as waiting that were processed long
            ago.
    """
    found: Mapping[TopicPartition, Any] = await admin.list_consumer_group_offsets(group, partitions=list(partitions))
    if any(each not in found for each in partitions):
        raise BrokerRefusal(f"Kafka does not say how far {group} is", "petstream topics permissions operator")
    return {each: found[each].offset for each in partitions if found[each].offset >= 0}
