"""Reading a topic from here to there, and publishing onto it again, on a real broker."""

import asyncio
import time
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from streams.contracts.topics import IMAGE_UPLOADS
from streams.kafka.errors import BrokerRefusal, partitions_of
from streams.kafka.scan import Position, scan
from streams.replay.messages import OutgoingMessage
from streams.replay.republisher import UNCONFIRMED_MAX, Republisher
from streams.runtime.settings import KafkaSettings, load
from tests.world import World

MESSAGES = 2 * UNCONFIRMED_MAX + 7


@pytest.fixture(scope="module")
def settings(module_world: World) -> KafkaSettings:
    """Of a world whose image-uploads has messages in each of its three partitions."""
    made = settings_of(module_world)
    asyncio.run(republish(made, MESSAGES))
    return made


def settings_of(world: World) -> KafkaSettings:
    servers = world.stack.kafka.bootstrap_servers
    return load(KafkaSettings, kafka_bootstrap_servers=servers, kafka_topic_prefix=world.prefix)


async def republish(settings: KafkaSettings, count: int) -> int:
    async with Republisher(settings) as publisher:
        for n in range(count):
            await publisher.publish(OutgoingMessage(IMAGE_UPLOADS, f"{n}".encode(), f"{n}".encode(), [("n", b"1")]))
    return publisher.confirmed


async def read(settings: KafkaSettings, **bounds: Any) -> list[Any]:
    async with aclosing(scan(settings, IMAGE_UPLOADS, **bounds)) as messages:
        return [message async for message in messages]


def positions(messages: list[Any]) -> list[Position]:
    return [Position(message.partition, message.offset) for message in messages]


async def test_a_scan_begins_each_partition_where_it_is_told(settings: KafkaSettings) -> None:
    whole = positions(await read(settings))
    ends = {number: max(at.offset for at in whole if at.partition == number) + 1 for number in range(3)}
    found = positions(await read(settings, starts={0: ends[0], 1: ends[1] - 2}))
    assert found == [at for at in whole if at.partition == 2 or (at.partition == 1 and at.offset >= ends[1] - 2)]


async def test_a_scan_gives_everything_once_partition_by_partition(settings: KafkaSettings) -> None:
    totals: list[int] = []
    gone_through: list[int] = []
    found = await read(settings, on_total=totals.append, on_read=gone_through.append)
    assert positions(found) == sorted(set(positions(found)))
    assert {message.value for message in found} == {f"{n}".encode() for n in range(MESSAGES)}
    assert {message.partition for message in found} == {0, 1, 2}
    assert totals == [sum(gone_through)] == [MESSAGES]


async def test_a_scan_goes_on_after_any_position(settings: KafkaSettings) -> None:
    everything = positions(await read(settings))
    for index in (0, MESSAGES // 2, MESSAGES - 1):
        assert positions(await read(settings, after=everything[index])) == everything[index + 1 :]


async def test_a_scan_from_a_moment_leaves_out_what_was_before(settings: KafkaSettings) -> None:
    for before in (datetime.now(UTC) - timedelta(hours=1), datetime(1960, 1, 1, tzinfo=UTC)):
        assert len(await read(settings, since=before)) == MESSAGES
    assert await read(settings, since=datetime.now(UTC) + timedelta(hours=1)) == []


async def test_a_scan_ends_where_the_topic_ended_when_it_began(world: World) -> None:
    settings = settings_of(world)
    await republish(settings, 5)
    found: list[Any] = []
    async with aclosing(scan(settings, IMAGE_UPLOADS)) as messages:
        async for message in messages:
            if not found:
                await republish(settings, 5)
            found.append(message)
    assert len(found) == 5


async def test_every_message_is_confirmed_before_the_publisher_ends(world: World) -> None:
    assert await republish(settings_of(world), MESSAGES) == MESSAGES == len(await world.events(IMAGE_UPLOADS))


async def test_a_rate_is_kept(world: World) -> None:
    started = time.monotonic()
    async with Republisher(settings_of(world), rate=20) as publisher:
        for _ in range(11):
            await publisher.publish(OutgoingMessage(IMAGE_UPLOADS, None, b"{}"))
    assert time.monotonic() - started >= 0.5 - 0.05  # never sooner; how much later is the machine's


async def test_a_topic_that_is_not_there_is_named_and_not_made(world: World) -> None:
    settings = settings_of(world)
    for _ in range(2):
        with pytest.raises(BrokerRefusal, match=f"{world.prefix}nothing: look at KAFKA_TOPIC_PREFIX"):
            await partitions_of(settings, "nothing")


async def test_a_message_that_no_broker_takes_ends_it_with_a_sentence(world: World) -> None:
    prefix = world.prefix + "small."
    world.stack.kafka.create_topics(
        {prefix + IMAGE_UPLOADS: 1}, configs={prefix + IMAGE_UPLOADS: {"max.message.bytes": "1000"}}
    )
    small = settings_of(world).model_copy(update={"kafka_topic_prefix": prefix})
    with pytest.raises(BrokerRefusal, match="Kafka refuses: "):
        async with Republisher(small) as publisher:
            await publisher.publish(OutgoingMessage(IMAGE_UPLOADS, None, b"x" * 5000))


@pytest.mark.durable
async def test_a_broker_that_goes_away_ends_a_replay_with_a_sentence(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(world)
    monkeypatch.setattr("streams.kafka.publisher.REQUEST_TIMEOUT_MS", 3000)

    async def replay() -> None:
        async with Republisher(settings, rate=50) as publisher:
            for _ in range(1000):
                await publisher.publish(OutgoingMessage(IMAGE_UPLOADS, None, b"{}"))

    running = asyncio.create_task(replay())
    await asyncio.sleep(1)
    await asyncio.to_thread(world.stack.kafka.stop)
    try:
        with pytest.raises(BrokerRefusal):
            await asyncio.wait_for(running, 60)
    finally:
        await asyncio.to_thread(world.stack.kafka.start)
