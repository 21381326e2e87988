"""The typed reader on a real broker: what is handed over, how often, and where it goes on."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.errors import KafkaConnectionError

from deploy.local.ports import free_port
from streams.contracts import PipelineStatus, encode
from streams.subscriber import Subscriber
from streams.subscriber.received_event import UndecodableEventError, UnknownEventTypeError
from tests.integration.subscribers.publishing import Results, entered, key_of, take
from tests.sinking import NOON

V2 = {"ce_type": b"petstream.image.classified.v2", "ce_id": b"1"}
V1 = {"ce_type": b"petstream.image.classified.v1", "ce_id": b"2"}
WITHIN = 60.0


async def placed(subscriber: Subscriber, partitions: int) -> None:
    while len(subscriber.positions) < partitions:
        await asyncio.sleep(0.05)


async def fail_at(subscriber: Subscriber, key: str) -> None:
    async with subscriber as events:
        async for received in events:
            if key_of(received) == key:
                raise BrokenPipeError


async def test_repeats_on_the_topic_are_handed_over_once(results: Results) -> None:
    await results.publish("a", "b", copies=3)
    await results.publish("a", partition=1)
    await results.publish("end")
    subscriber = results.subscriber()
    async with asyncio.timeout(WITHIN):
        assert sorted(await take(subscriber, 3)) == ["a", "b", "end"]
    assert subscriber.skipped["repeat"] >= 4


async def test_a_newer_outcome_of_the_same_object_is_no_repeat(results: Results) -> None:
    await results.publish("a")
    await results.publish("a", sequencer=2)
    async with asyncio.timeout(WITHIN):
        assert await take(results.subscriber(), 2) == ["a", "a"]


async def test_a_group_goes_on_behind_what_was_handled(results: Results) -> None:
    await results.publish("a", "b", "c")
    async with asyncio.timeout(WITHIN):
        assert await take(results.subscriber(group=results.group), 2) == ["a", "b"]
        assert await results.committed() == 2
        assert await take(results.subscriber(group=results.group), 1) == ["c"]


async def test_what_raised_is_not_committed_and_comes_again(results: Results) -> None:
    await results.publish("a", "b")
    async with asyncio.timeout(WITHIN):
        with pytest.raises(BrokenPipeError):
            await fail_at(results.subscriber(group=results.group), "b")
        assert await results.committed() == 1
        assert await take(results.subscriber(group=results.group), 1) == ["b"]


async def test_iterating_again_begins_with_what_was_not_handled(results: Results) -> None:
    await results.publish("a", "b")
    seen: list[str] = []
    async with asyncio.timeout(WITHIN), results.subscriber(group=results.group) as events:
        async for received in events:
            seen.append(key_of(received))
            break
        async for received in events:
            seen.append(key_of(received))
            if seen[-1] == "b":
                events.stop()
    assert seen == ["a", "a", "b"]


async def test_it_is_committed_while_nothing_new_comes(results: Results) -> None:
    await results.publish("a")
    async with asyncio.timeout(WITHIN), entered(results.subscriber(group=results.group, commit_seconds=0.2)) as events:
        assert key_of(await anext(events)) == "a"
        waiting = asyncio.ensure_future(anext(events))
        while await results.committed() != 1:
            await asyncio.sleep(0.1)
        waiting.cancel()
        await asyncio.wait([waiting])


async def test_stored_positions_are_where_another_one_goes_on(results: Results) -> None:
    await results.publish("a", "b", "c")
    await results.publish("d", partition=1)
    first = results.subscriber()
    async with asyncio.timeout(WITHIN):
        before = await take(first, 2)
        stored = json.dumps(first.positions)
        after = await take(results.subscriber(start=json.loads(stored)), 2)
    assert sorted(before + after) == ["a", "b", "c", "d"]


async def test_from_now_on_means_nothing_older(results: Results) -> None:
    await results.publish("old")
    subscriber = results.subscriber(start="now")
    async with asyncio.timeout(WITHIN), entered(subscriber) as events:
        first = asyncio.ensure_future(anext(events))
        await placed(subscriber, 6)
        await results.publish("new")
        assert key_of(await first) == "new"


async def test_a_group_that_began_with_now_misses_nothing_while_it_is_away(results: Results) -> None:
    await results.publish("old")
    async with asyncio.timeout(WITHIN):
        async with results.subscriber(group=results.group, start="now", commit_seconds=0.1) as events:
            waiting = asyncio.ensure_future(anext(aiter(events)))
            while await results.committed() != 1:
                await asyncio.sleep(0.1)
            waiting.cancel()
            await asyncio.wait([waiting])
        await results.publish("while away")
        assert await take(results.subscriber(group=results.group, start="now"), 1) == ["while away"]


async def test_from_a_moment_on(results: Results) -> None:
    await results.publish("old")
    await asyncio.sleep(0.05)
    moment = datetime.now(UTC)
    await asyncio.sleep(0.05)
    await results.publish("new")
    async with asyncio.timeout(WITHIN):
        assert await take(results.subscriber(start=moment), 1) == ["new"]


async def test_an_unknown_type_is_skipped_and_counted(results: Results) -> None:
    await results.send(b"{}", context=V2)
    await results.publish("a")
    subscriber = results.subscriber()
    async with asyncio.timeout(WITHIN):
        assert await take(subscriber, 1) == ["a"]
    assert subscriber.skipped["unknown"] == 1


async def test_an_unknown_type_is_raised_by_choice(results: Results) -> None:
    await results.send(b"{}", context=V2)
    with pytest.raises(UnknownEventTypeError):
        async with asyncio.timeout(WITHIN), entered(results.subscriber(unknown="raise")) as events:
            await anext(events)


async def test_an_undecodable_event_is_never_passed_over_in_silence(results: Results) -> None:
    await results.send(b"{}", context=V1)
    await results.publish("a")
    for _ in range(2):  # it was not acknowledged: it is there after the next start, too
        with pytest.raises(UndecodableEventError, match="partition 0, offset 0"):
            async with asyncio.timeout(WITHIN), entered(results.subscriber(group=results.group)) as events:
                await anext(events)
    async with asyncio.timeout(WITHIN), results.subscriber(group=results.group) as subscriber:
        with pytest.raises(UndecodableEventError):
            await anext(aiter(subscriber))
        assert key_of(await anext(aiter(subscriber))) == "a"
        assert subscriber.positions["image-classifications/0"] == 1


async def test_the_status_is_read_likewise(results: Results) -> None:
    status = PipelineStatus(component="storage", state="degraded", since=NOON, at=NOON, warning="not stored")
    await results.send(encode(status), topic="pipeline-status")
    async with asyncio.timeout(WITHIN), entered(results.subscriber(topics=["pipeline-status"])) as events:
        assert (await anext(events)).event == status


async def test_partitions_that_are_added_cost_nothing_of_the_others(results: Results) -> None:
    await results.publish("a", "b")
    subscriber = results.subscriber()
    async with asyncio.timeout(WITHIN), entered(subscriber) as events:
        assert [key_of(await anext(events)) for _ in range(2)] == ["a", "b"]
        waiting = asyncio.ensure_future(anext(events))
        await placed(subscriber, 6)
        admin = AIOKafkaAdminClient(bootstrap_servers=results.stack.kafka.bootstrap_servers)
        await admin.start()
        await admin.create_partitions({results.prefix + "image-classifications": NewPartitions(total_count=4)})
        await admin.close()
        await placed(subscriber, 7)  # the client loses the places of all of them
        await results.publish("c", partition=3)
        await results.publish("d")
        assert {key_of(await waiting), key_of(await anext(events))} == {"c", "d"}
    assert subscriber.skipped == {}, "nothing was read anew"


async def test_entering_says_that_no_broker_answers() -> None:
    with pytest.raises(KafkaConnectionError):
        async with Subscriber({"bootstrap_servers": f"127.0.0.1:{free_port()}"}, group="g"):
            pass
