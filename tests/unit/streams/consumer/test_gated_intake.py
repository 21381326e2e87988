"""The reader before a gate, over a consumer that the test plays. (On a broker: test_live_before_bulk, test_retries.)"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import UnknownTopicOrPartitionError

from streams.consumer.acknowledgement import Delivery
from streams.consumer.gated_intake import GatedIntake, Head
from streams.consumer.losses import Losses
from streams.runtime.outages import Outages
from streams.runtime.settings import KafkaSettings, load

FIRST, SECOND = TopicPartition("t.bulk", 0), TopicPartition("t.bulk", 1)


class Partitions:
    """Stands for the consumer; gives what is told, of partitions that are not paused."""

    def __init__(self, messages: dict[TopicPartition, list[int]], *, beginning: int = 0) -> None:
        self._messages = messages
        self._beginning = beginning
        self.paused: set[TopicPartition] = set()
        self.committed_offsets: dict[TopicPartition, int] = {}

    async def getmany(self, **_: Any) -> dict[TopicPartition, list[Any]]:
        await asyncio.sleep(0.001)
        found = {at: offsets for at, offsets in self._messages.items() if offsets and at not in self.paused}
        self._messages = {at: [] if at in found else offsets for at, offsets in self._messages.items()}
        return {at: [_message(offset) for offset in offsets] for at, offsets in found.items()}

    def pause(self, at: TopicPartition) -> None:
        self.paused.add(at)

    def resume(self, at: TopicPartition) -> None:
        self.paused.discard(at)

    def assignment(self) -> set[TopicPartition]:
        return set(self._messages)

    async def committed(self, at: TopicPartition) -> int | None:
        return self.committed_offsets.get(at)

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.committed_offsets |= offsets

    async def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, self._beginning)

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)  # what waits behind the heads is the lag's to count


def _message(offset: int) -> Any:
    return SimpleNamespace(offset=offset, timestamp=-1, headers=(), value=b"{}")


class Gate:
    """Lets partitions through that are open."""

    def __init__(self, *is_open: int) -> None:
        self.is_open = set(is_open)
        self.seen: list[tuple[int, bool]] = []

    def seconds(self, head: Head) -> float:
        return 0 if head.partition in self.is_open else 0.001

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def heads(self, _topic: str, partition: int, head: Head | None) -> None:
        self.seen.append((partition, head is not None))


class Reading:
    """An intake that reads, whose work takes as long as the test likes."""

    def __init__(self, consumer: Partitions, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
        self.consumer, self.gate, self.losses = consumer, gate, Losses()
        self.worked: list[tuple[int, int]] = []
        self.works = asyncio.Event()
        self.works.set()
        self.stop = asyncio.Event()

        async def work(delivery: Delivery[Any], topic: str) -> None:
            assert topic == "bulk"
            await self.works.wait()
            self.worked.append((delivery.event.message.partition, delivery.event.message.offset))

        settings = load(
            KafkaSettings, kafka_bootstrap_servers="none:9", kafka_topic_prefix="t.", kafka_commit_interval_seconds=0.1
        )
        intake = GatedIntake(
            settings, "group", ["bulk"], gate, work=work, outages=Outages(), losses=self.losses, max_in_flight=2
        )
        self.progress = intake.progress()

        async def started() -> Partitions:
            return consumer

        async def stopped(_consumer: Partitions) -> None:
            pass

        monkeypatch.setattr(intake, "_started", started)
        monkeypatch.setattr("streams.consumer.gated_intake.stop_consumer", stopped)
        self.running = asyncio.create_task(intake.run(self.stop))


Reads = Callable[[Partitions, Gate], Any]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    @asynccontextmanager
    async def reading(consumer: Partitions, gate: Gate) -> AsyncIterator[Reading]:
        made = Reading(consumer, gate, monkeypatch)
        yield made
        made.works.set()
        made.stop.set()
        async with asyncio.timeout(60):
            await made.running

    return reading


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.001)


async def test_a_partition_whose_head_has_to_wait_holds_up_no_other(reads: Reads) -> None:
    gate = Gate(1)
    async with reads(Partitions({FIRST: [0, 1], SECOND: [0, 1]}), gate) as reading:
        await until(lambda: len(reading.worked) == 2)
        assert reading.worked == [(1, 0), (1, 1)]
        await until(lambda: reading.consumer.paused == {FIRST})
        assert reading.progress.waiting() == 0
        gate.is_open.add(0)
        await until(lambda: len(reading.worked) == 4)
        await until(lambda: gate.seen[-1] == (0, False))
    assert reading.consumer.committed_offsets == {FIRST: 2, SECOND: 2}


async def test_a_head_that_may_be_taken_and_is_not_is_work_that_waits(
    reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()

    async def wait(_seconds: float) -> None:
        await asyncio.sleep(60)  # it does not wake who waits

    monkeypatch.setattr(gate, "wait", wait)
    async with reads(Partitions({FIRST: [0]}), gate) as reading:
        await until(lambda: gate.seen == [(0, True)])
        assert reading.progress.waiting() == 0
        gate.is_open.add(0)
        assert reading.progress.waiting() == 1


async def test_who_cannot_join_and_tries_again_is_not_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    class Missing:
        def __init__(self, **_: Any) -> None: ...

        def subscribe(self, *_: Any, **__: Any) -> None: ...

        async def start(self) -> None:
            seen.append(progress.is_member())
            raise UnknownTopicOrPartitionError

        async def stop(self) -> None: ...

    monkeypatch.setattr("streams.consumer.gated_intake.Consumer", Missing)
    settings, outages = load(KafkaSettings, kafka_bootstrap_servers="none:9"), Outages()

    async def work(_delivery: Delivery[Any], _topic: str) -> None: ...

    intake = GatedIntake(
        settings, "group", ["bulk"], Gate(), work=work, outages=outages, losses=Losses(), max_in_flight=1
    )
    progress = intake.progress()
    running = asyncio.create_task(intake.run(asyncio.Event()))
    await until(lambda: outages.current)
    assert (seen, progress.is_member()) == ([False], True)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_only_what_may_be_in_flight_is_taken_and_what_is_not_done_is_not_committed(reads: Reads) -> None:
    async with reads(Partitions({FIRST: [0, 1, 2, 3]}), Gate(0)) as reading:
        reading.works.clear()
        await until(lambda: reading.progress.pending() == 2)
        assert reading.consumer.committed_offsets == {}
    assert reading.consumer.committed_offsets in ({FIRST: 2}, {FIRST: 3}, {FIRST: 4})


@pytest.mark.parametrize(("committed", "beginning", "told"), [(3, 7, "3 to 6"), (3, 3, None), (None, 7, None)])
async def test_what_kafka_deleted_before_it_was_read_is_told(
    reads: Reads, committed: int | None, beginning: int, told: str | None
) -> None:
    consumer = Partitions({FIRST: [7, 8]}, beginning=beginning)
    if committed is not None:
        consumer.committed_offsets[FIRST] = committed
    async with reads(consumer, Gate(0)) as reading:
        await until(lambda: len(reading.worked) == 2)
    assert [f"deleted offsets {told} before" in each for each in reading.losses.warnings] == [True] * bool(told)
