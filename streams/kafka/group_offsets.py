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
    admin = AIOKafkaAdminClient(**client_options(settings))

    async def ask() -> Mapping[TopicPartition, Any]:
        found: Mapping[TopicPartition, Any] = await admin.list_consumer_group_offsets(group, partitions=partitions)
        return found

    with broker_errors():
        async with opened(admin):
            found = await retried(ask, on=GroupCoordinatorNotAvailableError, policy=COORDINATOR)
    return offsets_of(found, partitions, group)


def offsets_of(found: Mapping[TopicPartition, Any], asked: Sequence[TopicPartition], group: str) -> Mapping[int, int]:
    """
    The offsets that a group committed, by partition, from a broker's answer about partitions of one topic. Pure.

    Raises:
        BrokerRefusal: the answer leaves some out. The client overlooks an error of the whole group, which comes with an
            empty answer. Taken as "nothing committed", that would show messages as waiting that were processed long
            ago.
    """
    if any(each not in found for each in asked):
        raise BrokerRefusal(f"Kafka does not say how far {group} is", "petstream topics permissions operator")
    return {each.partition: found[each].offset for each in asked if found[each].offset >= 0}
