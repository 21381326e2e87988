"""Subscribers that die, share, and outlive a broker: each event is handled at least once."""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from deploy.local.kafka import ApacheKafka
from deploy.local.stack import Stack
from streams.subscriber import ExpiredEventsError, Subscriber
from tests.absent import cannot_run
from tests.integration.subscribers.publishing import FAST, Results, entered, key_of, take

WITHIN = 150.0
"""A test may stop a broker and start it again."""

HANGS = """
import asyncio, sys
from streams.subscriber import Subscriber
async def main(servers, prefix, group):
    options = {"bootstrap_servers": servers, "session_timeout_ms": 6000}
    async with Subscriber(options, group=group, prefix=prefix, commit_seconds=0.1) as events:
        async for received in events:
            print(received.event.key, flush=True)
            if received.event.key == "b":
                await asyncio.sleep(600)  # handled, and about to ask for the next one
asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_subscriber_that_is_killed_between_handling_and_commit_gets_the_event_again(results: Results) -> None:
    await results.publish("a", "b", "c")
    command = [sys.executable, "-c", HANGS, results.stack.kafka.bootstrap_servers, results.prefix, results.group]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    printed = [await process.stdout.readline() for _ in range(2)]
    process.kill()
    await process.wait()
    assert printed == [b"a\n", b"b\n"]
    async with asyncio.timeout(WITHIN):  # until the group has noticed that the member is dead
        again = await take(results.subscriber(group=results.group), 2 if await results.committed() else 3)
    assert again[-2:] == ["b", "c"]


async def test_two_members_of_a_group_hand_over_each_event_at_least_once(results: Results) -> None:
    keys = [str(number) for number in range(90)]
    handled: Counter[str] = Counter()

    async def share(subscriber: Subscriber) -> None:
        async with subscriber as events:
            async for received in events:
                await asyncio.sleep(0.05)
                handled[key_of(received)] += 1

    # What is committed is what a rebalance and leaving commit: the clock would hide it if they did not.
    members = [results.subscriber(group=results.group, commit_seconds=600) for _ in range(3)]
    for number in range(3):
        await results.publish(*keys[number::3], partition=number)
    async with asyncio.timeout(WITHIN):
        tasks = [asyncio.create_task(share(members[0]))]
        while len(handled) < 15:
            await asyncio.sleep(0.05)
        tasks.append(asyncio.create_task(share(members[1])))  # what the first one has fetched goes to the second one
        while len(handled) < 50:
            await asyncio.sleep(0.05)
        tasks[0].cancel()  # in whatever it is just doing
        tasks.append(asyncio.create_task(share(members[2])))
        while not set(keys) <= handled.keys():
            await asyncio.sleep(0.1)
        for each in members[1:]:
            each.stop()
        await asyncio.gather(*tasks, return_exceptions=True)
    repeated = {key: count for key, count in handled.items() if count > 1}
    assert len(repeated) < 6, f"more than what was in hand when partitions moved: {repeated}"
    assert [await results.committed(partition) for partition in range(3)] == [30, 30, 30]


async def test_events_that_were_deleted_before_they_were_handled_are_told_of(results: Results) -> None:
    await results.publish("a", "b", "c", "d")
    async with asyncio.timeout(WITHIN):
        assert await take(results.subscriber(group=results.group), 1) == ["a"]
        admin = AIOKafkaAdminClient(bootstrap_servers=results.stack.kafka.bootstrap_servers)
        await admin.start()
        await admin.delete_records({TopicPartition(results.prefix + "image-classifications", 0): RecordsToDelete(3)})
        await admin.close()
        with pytest.raises(ExpiredEventsError, match="partition 0: offset 1 no longer exists") as raised:
            await take(results.subscriber(group=results.group), 1)
        assert (raised.value.partition, raised.value.position) == (0, 1)
        willing = results.subscriber(group=results.group, expired="skip")
        assert await take(willing, 1) == ["d"]
    assert willing.skipped["expired"] == 2


@pytest.fixture(scope="module")
def kept_broker(tmp_path_factory: pytest.TempPathFactory, stack: Stack) -> Iterator[ApacheKafka]:
    if not isinstance(stack.kafka, ApacheKafka):
        cannot_run(f"stops a broker of its own, and this stack has {stack.kafka.kind}")
    kafka = ApacheKafka(tmp_path_factory.mktemp("broker"))
    try:
        yield kafka
    finally:
        kafka.kill()


@pytest.fixture
def own_broker(kept_broker: ApacheKafka) -> ApacheKafka:
    """A broker that a test may stop or kill; it runs again for the next one."""
    kept_broker.start()
    return kept_broker


async def test_a_broker_that_goes_away_is_waited_for(own_broker: ApacheKafka, stack: Stack) -> None:
    class Own(Results):
        @property
        def options(self) -> dict[str, object]:
            return {"bootstrap_servers": own_broker.bootstrap_servers, **FAST}

    alone = Stack()
    alone.kafka = own_broker
    results = Own(alone, "away.")
    await results.publish("a")
    async with asyncio.timeout(WITHIN):
        async with entered(results.subscriber(group=results.group, commit_seconds=0.2)) as events:
            assert key_of(await anext(events)) == "a"
            waiting = asyncio.ensure_future(anext(events))
            await asyncio.to_thread(own_broker.stop)
            await asyncio.sleep(3)
            assert not waiting.done()
            await asyncio.to_thread(own_broker.start)
            await results.publish("b", "c")
            assert key_of(await waiting) == "b"
        assert await take(results.subscriber(group=results.group), 2) == ["b", "c"]


async def test_leaving_while_the_broker_is_away_ends(own_broker: ApacheKafka) -> None:
    alone = Stack()
    alone.kafka = own_broker
    results = Results(alone, "left.")
    await results.publish("a")
    async with asyncio.timeout(60):
        async with entered(results.subscriber(group=results.group, commit_seconds=60)) as events:
            await anext(events)
            await asyncio.to_thread(own_broker.kill)
