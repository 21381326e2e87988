"""Messages with header names that are no UTF-8, as producers in Go or C may write them."""

from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy


class Latin(str):
    """A header's name that is written in Latin-1."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return super().encode("latin-1")


def builder(codec: int = 0, *, transactional: bool = False, batch_size: int = 1_000_000) -> Any:
    """Of a batch; written in Python, since the one in C asks no name how it wants to be written."""
    return _DefaultRecordBatchBuilderPy(2, codec, transactional, -1, -1, -1, batch_size)


async def send(servers: str, topic: str, value: bytes, headers: Sequence[tuple[str, bytes]]) -> None:
    """One message, to partition 0."""
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        batch = producer.create_batch()
        batch._builder = builder()
        batch.append(key=None, value=value, timestamp=None, headers=headers)
        await (await producer.send_batch(batch, topic, partition=0))
