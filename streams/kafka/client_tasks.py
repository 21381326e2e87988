"""The background tasks of a consumer of aiokafka (0.14): what keeps them working, and whether they still run."""

from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

METADATA_MAX_AGE_MS: Final = 10_000
"""
How soon a consumer notices that a topic has partitions. A broker that has just started does not know all its topics
yet; a group that joins then gets no partitions, and by default looks again after 5 minutes.
"""


class ClientEndedError(Exception):
    """A task of the Kafka client ended because of a bug in the client. Only a new client fetches again."""


def reading_position(consumer: AIOKafkaConsumer, partition: TopicPartition) -> int | None:
    """The next offset that the consumer reads, without a request; None while it is unknown or not assigned."""
    subscription = consumer._subscription.subscription  # noqa: SLF001 - the public call waits for the position
    assigned = subscription.assignment if subscription else None
    state = assigned.state_value(partition) if assigned else None
    return int(state.position) if state is not None and state.has_valid_position else None


def raise_if_ended(consumer: AIOKafkaConsumer) -> None:
    """
    Return if a started consumer still fetches and takes part in its group. Otherwise it returns nothing for ever.

    Raises:
        ClientEndedError: it does not; the process ends and is restarted.
    """
    coordination = getattr(consumer._coordinator, "_coordination_task", None)  # noqa: SLF001 - none without a group
    for task in filter(None, (consumer._fetcher.error_future, coordination)):  # noqa: SLF001
        if task.done() and not consumer._closed:  # noqa: SLF001 - no public API
            error = None if task.cancelled() else task.exception()
            raise ClientEndedError(f"{task.get_coro().__qualname__} has ended: {error!r}") from error
