"""``petstream backfill`` and ``reconcile`` as a person types them, and what is on the topic and in the tables then."""

import asyncio
import json
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from typer.testing import CliRunner, Result

from streams.cli import app
from streams.contracts.topics import (
    BULK_GROUP,
    CLASSIFIER_GROUP,
    IMAGE_CLASSIFICATIONS,
    IMAGE_REJECTIONS,
    IMAGE_UPLOADS,
    IMAGE_UPLOADS_BULK,
    SINK_GROUP,
)
from streams.notifications.upload import ImageUploaded, parse
from tests.world import World

_PARTITIONS = 3  # of each topic of a world


def petstream(world: World, *arguments: str, **environment: str | None) -> Result:
    """Run a command in this process; None takes a variable out of its environment."""
    env: dict[str, str | None] = {**world.stack.environment(), **world.env, "COLUMNS": "300", **environment}
    return CliRunner().invoke(app, arguments, env=env)


def place(world: World, prefix: str = "") -> str:
    return f"s3://{world.bucket}/{prefix}"


def summary(result: Result, exit_code: int = 0) -> dict[str, Any]:
    """The last line of a run with --json, which ended with this exit code."""
    assert result.exit_code == exit_code, result.output
    last = json.loads(result.stdout.splitlines()[-1])
    assert "summary" in last
    return dict(last)


def uploads(world: World) -> list[ImageUploaded]:
    """What a command has enqueued."""
    found = [upload for message in asyncio.run(world.events(IMAGE_UPLOADS_BULK)) for upload in parse(message.value)]
    assert all(isinstance(upload, ImageUploaded) for upload in found)
    return [upload for upload in found if isinstance(upload, ImageUploaded)]


def tell(world: World, key: str, **described: Any) -> None:
    """Publish a notification of a store's own about an object."""
    asyncio.run(world.publish(world.notification(key, **described)))


def count(world: World, topic: str) -> int:
    """How many messages a topic has."""
    return sum(asyncio.run(_ends(world, topic)).values())


def settle(world: World) -> None:
    """Return when the classifier and then the sink have committed all that is on their topics."""
    for group, topics in (
        (CLASSIFIER_GROUP, (IMAGE_UPLOADS,)),
        (BULK_GROUP, (IMAGE_UPLOADS_BULK,)),
        (SINK_GROUP, (IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS)),
    ):
        for topic in topics:
            ends = asyncio.run(_ends(world, topic))
            world.eventually(lambda g=group, t=topic, e=ends: asyncio.run(world.committed(g, t)) == e)  # type: ignore[misc]  # its defaults bind the loop's values


async def _ends(world: World, topic: str) -> dict[int, int]:
    async with AIOKafkaConsumer(bootstrap_servers=world.stack.kafka.bootstrap_servers) as consumer:
        partitions = [TopicPartition(world.prefix + topic, number) for number in range(_PARTITIONS)]
        ends = await consumer.end_offsets(partitions)
    return {partition.partition: end for partition, end in ends.items()}
