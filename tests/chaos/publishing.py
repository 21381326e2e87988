"""Writes hostile messages onto topic image-uploads, each in the way that makes it hostile."""

from typing import Any

from aiokafka import AIOKafkaProducer

from streams.contracts.topics import IMAGE_UPLOADS
from tests import raw_headers
from tests.chaos.hostile import Hostile
from tests.raw_headers import Latin
from tests.world import World

REQUEST_MAX_BYTES = 64 * 1024 * 1024


async def publish(world: World, message: Hostile) -> None:
    """Publish one and wait for its confirmation."""
    servers, topic = world.stack.kafka.bootstrap_servers, world.prefix + IMAGE_UPLOADS
    if message.has_odd_header_name:
        await raw_headers.send(servers, topic, message.value, [(Latin("größe"), b"1")])
        return
    options: dict[str, Any] = {"compression_type": message.codec, "max_request_size": REQUEST_MAX_BYTES}
    if message.is_in_transaction:
        options["transactional_id"] = f"{topic} {message.value!r}"[:200]
    async with AIOKafkaProducer(bootstrap_servers=servers, **options) as producer:
        if message.is_in_transaction:
            await producer.begin_transaction()
        await producer.send_and_wait(
            topic, message.value, headers=list(message.headers), timestamp_ms=message.timestamp_ms
        )
        if message.is_in_transaction:
            await producer.commit_transaction()
