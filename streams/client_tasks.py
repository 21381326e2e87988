"""How a consumer of aiokafka (0.14) keeps working, and whether it still does."""

from typing import Final

from aiokafka import AIOKafkaConsumer

METADATA_MAX_AGE_MS: Final = 10_000
"""
How soon a consumer notices that a topic has partitions. A broker that has just started does not know all its topics
yet; a group that joins in that moment gets no partitions, and by default looks again after 5 minutes.
"""


class ClientEndedError(Exception):
    """A task of the Kafka client ended by a mistake of its own. Nothing but a new client fetches anything again."""


def raise_if_ended(consumer: AIOKafkaConsumer) -> None:
    """
    Return if the consumer, which has been started, fetches and keeps to its group. Else it finds nothing, for ever.

    Raises:
        ClientEndedError: it does not; the process ends, and begins again.
    """
    for task in (consumer._fetcher.error_future, consumer._coordinator._coordination_task):  # noqa: SLF001
        if task.done() and not consumer._closed:  # noqa: SLF001 - nobody tells otherwise
            why = None if task.cancelled() else task.exception()
            raise ClientEndedError(f"{task.get_coro().__qualname__} has ended: {why!r}") from why
