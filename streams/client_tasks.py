"""
Whether a consumer of aiokafka still works. One whose tasks have ended says "nothing there", again and again (0.14).
"""

from aiokafka import AIOKafkaConsumer


class ClientEndedError(Exception):
    """A task of the Kafka client ended by a mistake of its own. Nothing but a new client fetches anything again."""


def raise_if_ended(consumer: AIOKafkaConsumer) -> None:
    """
    Return if the consumer, which has been started, fetches and keeps to its group.

    Raises:
        ClientEndedError: it does not; the process ends, and begins again.
    """
    for task in (consumer._fetcher.error_future, consumer._coordinator._coordination_task):  # noqa: SLF001
        if task.done() and not consumer._closed:  # noqa: SLF001 - nobody tells otherwise
            why = None if task.cancelled() else task.exception()
            raise ClientEndedError(f"{task.get_coro().__qualname__} has ended: {why!r}") from why
