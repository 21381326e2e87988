"""From a real queue to a real broker: nothing is deleted before it is confirmed, and nothing stays that was."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests import sabotage
from tests.sabotage import Sabotage
from tests.world import World, metric

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def send(world: World, body: str, **attributes: str) -> None:
    given: Any = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    world.stack.objects.sqs.send_message(QueueUrl=world.queue_url, MessageBody=body, MessageAttributes=given)


async def test_messages_travel_as_they_came_keyed_by_their_object(running: World, upload_prefix: str) -> None:
    key, garbage = f"{upload_prefix}a+b é.jpg", f"not a notification at all: {upload_prefix}"
    body = running.notification(key).decode()
    send(running, body, traceparent=TRACE.decode())
    send(running, garbage)
    running.eventually(lambda: running.left_in_queue() == 0)
    messages = {message.value: message for message in await running.events("image-uploads")}
    assert messages.keys() >= {body.encode(), garbage.encode()}
    assert messages[body.encode()].key == f"{running.bucket}/{key}".encode()
    assert messages[body.encode()].headers == (("traceparent", TRACE),)


async def test_what_asks_for_nothing_is_deleted_and_not_published(running: World) -> None:
    bridge, skipped = running.workers[0], 'petstream_queue_messages_total{outcome="skipped"}'
    running.eventually(lambda: running.left_in_queue() == 0)
    before, seen = await running.events("image-uploads"), metric(bridge, skipped)
    send(running, json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"}))
    removed = json.loads(running.notification("x"))
    removed["Records"][0]["eventName"] = "ObjectRemoved:Delete"
    send(running, json.dumps(removed))
    running.eventually(lambda: metric(bridge, skipped) >= seen + 2)
    running.eventually(lambda: running.left_in_queue() == 0)
    assert len(await running.events("image-uploads")) == len(before)


async def test_a_message_that_no_broker_takes_stays_for_the_redrive_policy(world: World) -> None:
    (bridge,) = world.start("bridge", env={"KAFKA_TOPIC_PREFIX": await small_topic(world)})
    send(world, "x" * 200_000)
    world.eventually(lambda: metric(bridge, 'petstream_queue_messages_total{outcome="failed"}') >= 1)
    assert world.left_in_queue() >= 1


async def small_topic(world: World) -> str:
    prefix = world.prefix + "small."
    world.stack.kafka.create_topics(
        {prefix + "image-uploads": 1}, configs={prefix + "image-uploads": {"max.message.bytes": "100000"}}
    )
    return prefix


@pytest.mark.durable
async def test_while_the_broker_is_away_nothing_is_deleted_and_afterwards_nothing_is_missing(
    world: World, tmp_path: Path
) -> None:
    (bridge,) = world.start("bridge", env=Sabotage(tmp_path, sabotage.QUICK_PRODUCER).env)
    world.eventually(lambda: world.left_in_queue() == 0)
    world.stack.kafka.stop()
    try:
        began = time.monotonic()
        bodies = {world.notification(f"uploads/ann/{i}.jpg").decode() for i in range(20)}
        for body in bodies:
            send(world, body)
        world.eventually(lambda: (bridge.health() or {}).get("status") == "degraded")
        assert metric(bridge, 'petstream_retries_total{component="kafka"}') >= 1
        # Longer than the visibility of 10 s: without its extension the messages would be taken a second time.
        await asyncio.sleep(began + 12 - time.monotonic())
        assert world.left_in_queue() == len(bodies)
    finally:
        world.stack.kafka.start()
    world.eventually(lambda: world.left_in_queue() == 0)
    assert {message.value.decode() for message in await world.events("image-uploads")} == bodies
    world.eventually(lambda: (bridge.health() or {}).get("status") == "ok")
    assert metric(bridge, 'petstream_queue_messages_total{outcome="published"}') == len(bodies)


async def test_a_killed_bridge_loses_nothing(world: World) -> None:
    bodies = {world.notification(f"uploads/ann/{i}.jpg").decode() for i in range(60)}
    (bridge,) = world.start("bridge")
    for i, body in enumerate(bodies):
        send(world, body)
        if i == 30:
            bridge.process.kill()
    world.start("bridge")
    world.eventually(lambda: world.left_in_queue() == 0)
    assert {message.value.decode() for message in await world.events("image-uploads")} == bodies
