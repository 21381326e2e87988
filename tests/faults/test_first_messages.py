"""Partitions change hands before anything was committed on them: what comes in that moment is handled all the same."""

from pathlib import Path

from aiokafka import AIOKafkaProducer

from streams import contracts
from tests import sabotage
from tests.sabotage import Sabotage
from tests.sinking import classified, key_of
from tests.world import World

PARTITIONS = 3


async def test_what_comes_while_a_second_sink_joins_is_stored_although_nothing_was_committed_yet(
    world: World, tmp_path: Path
) -> None:
    slow = Sabotage(tmp_path, sabotage.REBALANCE)
    (first,) = world.start("sink", env=slow.env)
    slow.do()
    (second,) = world.start("sink", wait=False)
    keys = [key_of(number) for number in range(12)]
    messages = [contracts.encode(classified(world.bucket, key)) for key in keys]

    async def send(producer: AIOKafkaProducer, *numbers: int) -> None:
        for number in numbers:
            topic = world.prefix + "image-classifications"
            await producer.send_and_wait(topic, messages[number], partition=number % PARTITIONS)

    async with AIOKafkaProducer(bootstrap_servers=world.stack.kafka.bootstrap_servers) as producer:
        world.eventually(lambda: "because it is rebalancing" in first.process.log_tail(200))
        await send(producer, *range(6))
        second.wait_ready()
        slow.mend()
        await send(producer, *range(6, 12))  # the commit of these would pass over those
    assert world.wait_outcomes(*keys) == dict.fromkeys(keys, "cat")
