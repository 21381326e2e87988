"""aiokafka's consumer (0.14) with what every one of ours needs. Faust makes its own: faust_consumer_thread.py."""

from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.kafka import record_batches
from streams.kafka.client_tasks import METADATA_MAX_AGE_MS, raise_if_ended
from streams.kafka.offset_fetches import heed_group_errors


class Consumer(AIOKafkaConsumer):  # type: ignore[misc] # aiokafka has no types
    """
    Commits nothing by itself, reads every batch, notices new partitions, and says when it reads nothing any more.

    Takes what aiokafka's takes. Stop it with ``stopping.stop``.
    """

    def __init__(self, *topics: str, **options: Any) -> None:
        record_batches.install()
        ours = {"enable_auto_commit": False, "metadata_max_age_ms": METADATA_MAX_AGE_MS}
        super().__init__(*topics, **{**ours, **options})
        heed_group_errors(self)

    async def getmany(self, *partitions: TopicPartition, **options: Any) -> dict[TopicPartition, list[Any]]:
        """
        What there is, as aiokafka gives it.

        Raises:
            ClientEndedError: nothing fetches any more; only a new consumer would.
        """
        raise_if_ended(self)
        found: dict[TopicPartition, list[Any]] = await super().getmany(*partitions, **options)
        return found
