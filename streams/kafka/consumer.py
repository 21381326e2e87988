"""aiokafka's consumer (0.14), as all of ours use it. Faust makes its own: faust_consumer_thread.py."""

from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.kafka import record_batches
from streams.kafka.client_tasks import METADATA_MAX_AGE_MS, raise_if_ended
from streams.kafka.offset_fetches import heed_group_errors


class Consumer(AIOKafkaConsumer):  # type: ignore[misc] # aiokafka has no types
    """
    Commits nothing automatically, reads every batch, notices new partitions, and raises when it no longer fetches.

    Takes the arguments of aiokafka's consumer. Stop it with ``stopping.stop``.
    """

    def __init__(self, *topics: str, **options: Any) -> None:
        record_batches.install()
        ours = {"enable_auto_commit": False, "metadata_max_age_ms": METADATA_MAX_AGE_MS}
        super().__init__(*topics, **{**ours, **options})
        heed_group_errors(self)

    async def getmany(self, *partitions: TopicPartition, **options: Any) -> dict[TopicPartition, list[Any]]:
        """
        The messages that have arrived, as aiokafka gives them.

        Raises:
            ClientEndedError: the client no longer fetches; only a new consumer would.
        """
        raise_if_ended(self)
        found: dict[TopicPartition, list[Any]] = await super().getmany(*partitions, **options)
        return found
