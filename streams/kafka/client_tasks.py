"""How a consumer of aiokafka (0.14) keeps working, and whether it still does."""

from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

METADATA_MAX_AGE_MS: Final = 10_000
"""
How soon a consumer notices that a topic has partitions. A broker that has just started does not know all its topics
yet; a group that joins in that moment gets no partitions, and by default looks again after 5 minutes.
"""


class ClientEndedError(Exception):
    """A task of the Kafka client ended by a mistake of its own. Nothing but a new client fetches anything again."""


def reading_position(consumer: AIOKafkaConsumer, partition: TopicPartition) -> int | None:
    """The next offset that the consumer reads, asked of nobody; None if it has not found out, or reads it not."""
    subscription = consumer._subscription.subscription  # noqa: SLF001 - its public call waits until it knows
    assigned = subscription.assignment if subscription else None
    state = assigned.state_value(partition) if assigned else None
    return int(state.position) if state is not None and state.has_valid_position else None


def raise_if_ended(consumer: AIOKafkaConsumer) -> None:
    """
    Return if the consumer, which has been started, fetches and keeps to its group. Else it finds nothing, for ever.

    Raises:
        ClientEndedError: it does not; the process ends, and begins again.
    """
    keeping = getattr(consumer._coordinator, "_coordination_task", None)  # noqa: SLF001 - none without a group
    for task in filter(None, (consumer._fetcher.error_future, keeping)):  # noqa: SLF001
        if task.done() and not consumer._closed:  # noqa: SLF001 - nobody tells otherwise
            why = None if task.cancelled() else task.exception()
            raise ClientEndedError(f"{task.get_coro().__qualname__} has ended: {why!r}") from why
