import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.consumer.acknowledgement import Delivery, InOrderAcknowledgement


class Event:
    def __init__(self, log: list[int], offset: int) -> None:
        self.log, self.offset = log, offset

    def ack(self) -> None:
        self.log.append(self.offset)


def test_a_settled_delivery_waits_for_those_before_it() -> None:
    log: list[int] = []
    acks: InOrderAcknowledgement[Event] = InOrderAcknowledgement()
    first, second, third = (acks.track(Event(log, offset), "p0") for offset in (1, 2, 3))
    acks.settle(third)
    acks.settle(second)
    assert log == []
    acks.settle(first)
    assert log == [1, 2, 3]
    assert (acks.pending, acks.acknowledged) == (0, 3)


def test_partitions_do_not_wait_for_each_other() -> None:
    log: list[int] = []
    acks: InOrderAcknowledgement[Event] = InOrderAcknowledgement()
    acks.track(Event(log, 1), "p0")
    acks.settle(acks.track(Event(log, 2), "p1"))
    assert log == [2]


def test_settling_twice_is_a_bug_that_stops() -> None:
    acks: InOrderAcknowledgement[Event] = InOrderAcknowledgement()
    delivery = acks.track(Event([], 1), "p0")
    acks.settle(delivery)
    with pytest.raises(ValueError, match="once"):
        acks.settle(delivery)


async def test_drained_waits_for_the_last_delivery() -> None:
    acks: InOrderAcknowledgement[Event] = InOrderAcknowledgement()
    delivery = acks.track(Event([], 1), "p0")
    waiting = asyncio.create_task(acks.drained())
    await asyncio.sleep(0)
    assert not waiting.done()
    acks.settle(delivery)
    await asyncio.wait_for(waiting, 60)


@pytest.mark.parametrize(
    "bounds", [{"max_pending": 3}, {"max_pending_bytes": 25}], ids=["deliveries", "bytes of their messages"]
)
async def test_what_is_settled_behind_an_open_delivery_counts_until_it_is_acknowledged(bounds: dict[str, int]) -> None:
    acks: InOrderAcknowledgement[Event] = InOrderAcknowledgement(**bounds)
    first, *others = (acks.track(Event([], offset), "p0", 10) for offset in range(3))
    for each in others:
        acks.settle(each)
    free = asyncio.create_task(acks.capacity())
    await asyncio.sleep(0)
    assert not free.done()
    acks.settle(first)
    await asyncio.wait_for(free, 60)
    await acks.capacity()


async def test_a_delivery_that_exceeds_the_bound_by_itself_goes_alone() -> None:
    acks: InOrderAcknowledgement[Event] = InOrderAcknowledgement(max_pending_bytes=25)
    await asyncio.wait_for(acks.capacity(), 60)
    large = acks.track(Event([], 1), "p0", 100)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(acks.capacity(), 0.01)
    acks.settle(large)
    await asyncio.wait_for(acks.capacity(), 60)


async def test_nobody_waits_for_an_abandoned_pipeline() -> None:
    acks: InOrderAcknowledgement[Event] = InOrderAcknowledgement()
    acks.track(Event([], 1), "p0")
    acks.abandon()
    await asyncio.wait_for(acks.drained(), 60)


@given(st.data())
def test_any_interleaving_acknowledges_each_once_in_order_and_never_past_a_hole(data: st.DataObject) -> None:
    logs: dict[int, list[int]] = {0: [], 1: [], 2: []}
    settled: dict[int, set[int]] = {0: set(), 1: set(), 2: set()}
    taken: dict[int, int] = {0: 0, 1: 0, 2: 0}
    open_deliveries: list[tuple[int, int, Delivery[Event]]] = []
    acks: InOrderAcknowledgement[Event] = InOrderAcknowledgement()
    for _ in range(data.draw(st.integers(0, 60))):
        settles: bool = bool(open_deliveries) and data.draw(st.booleans())
        if settles:
            partition, offset, delivery = open_deliveries.pop(data.draw(st.integers(0, len(open_deliveries) - 1)))
            settled[partition].add(offset)
            acks.settle(delivery)
        else:
            partition = data.draw(st.integers(0, 2))
            offset = taken[partition]
            taken[partition] += 1
            open_deliveries.append((partition, offset, acks.track(Event(logs[partition], offset), partition)))
        for partition, log in logs.items():
            prefix = next((i for i in range(taken[partition]) if i not in settled[partition]), taken[partition])
            assert log == list(range(prefix))  # the model: the longest settled prefix, each once, in order
    assert acks.pending == sum(taken.values()) - sum(map(len, logs.values()))
