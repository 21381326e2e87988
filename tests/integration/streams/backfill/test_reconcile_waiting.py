"""Reconcile beside what waits in Kafka: an object that is on its way is no finding, and is not enqueued again."""

import asyncio
import json

import pytest

from streams.backfill.waiting_objects import WAY, TooManyWait, waiting_objects
from streams.contracts.topics import IMAGE_UPLOADS_BULK
from streams.runtime.settings import KafkaSettings, load
from tests.backfilling import count, petstream, place, summary
from tests.world import World

AT_ONCE = ("--grace", "0", "--json")


def test_what_waits_anywhere_in_kafka_is_no_finding_and_what_was_enqueued_is_not_again(module_world: World) -> None:
    world, lost = module_world, "old/lost.png"
    waits = {f"old/{topic} a+b.png": topic for topic, _ in WAY}
    for key in (*waits, lost):
        world.put(key, b"x")
    for key, topic in waits.items():
        asyncio.run(world.publish(world.notification(key), topic=topic, key=f"{world.bucket}/{key}".encode()))
    before = count(world, IMAGE_UPLOADS_BULK)

    found = petstream(world, "reconcile", place(world, "old/"), *AT_ONCE)
    assert summary(found, 1)["waiting"] == len(waits)
    assert [json.loads(line)["key"] for line in found.stdout.splitlines()[:-1]] == [lost]
    enqueued = summary(petstream(world, "reconcile", place(world, "old/"), "--enqueue", *AT_ONCE), 1)
    assert (enqueued["waiting"], enqueued["missing"], enqueued["enqueued"]) == (len(waits), 1, 1)
    again = summary(petstream(world, "reconcile", place(world, "old/"), "--enqueue", *AT_ONCE))
    assert (again["waiting"], again["missing"], again["enqueued"]) == (len(waits) + 1, 0, 0)
    assert count(world, IMAGE_UPLOADS_BULK) == before + 1


def test_a_person_is_shown_what_waits(module_world: World) -> None:
    world = module_world
    world.put("shown/1.png", b"x")
    asyncio.run(world.publish(world.notification("shown/1.png")))
    done = petstream(world, "reconcile", place(world, "shown/"), "--grace", "0")
    assert done.exit_code == 0
    assert "waiting              1\n" in done.stdout


def test_without_kafka_it_says_what_it_does_not_know(module_world: World) -> None:
    world = module_world
    world.put("alone/1.png", b"x")
    asyncio.run(world.publish(world.notification("alone/1.png")))
    done = petstream(world, "reconcile", place(world, "alone/"), *AT_ONCE, KAFKA_BOOTSTRAP_SERVERS=None)
    counted = summary(done, 1)
    assert counted["missing"] == 1
    assert "waiting" not in counted
    assert "what waits in Kafka counts as missing" in done.stderr


async def test_more_than_can_be_remembered_is_refused_before_it_is_read(
    module_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = module_world
    for name, value in (world.stack.environment() | dict(world.env)).items():
        monkeypatch.setenv(name, value)
    await world.publish(*[world.notification(f"many/{number}.png") for number in range(3)])
    read: list[None] = []
    with pytest.raises(TooManyWait, match="petstream-classifier"):
        await waiting_objects(load(KafkaSettings), limit=2, moved=lambda: read.append(None))
    assert read == []
