import asyncio
from collections.abc import Iterable
from contextlib import suppress

import pytest

from streams.classify.circuit import DIFFERENT_OBJECTS, LEAST_SECONDS, LONGEST_PROBE_SECONDS, Circuit
from streams.runtime.outages import Outages


class Away(Exception):  # noqa: N818
    """Nothing came back."""


class Answer(Exception):  # noqa: N818
    """A 404, say."""


def works(error: Exception) -> bool | None:
    return {Away: False, Answer: True}.get(type(error))


class Bench:
    """A circuit whose clock the test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.outages = Outages()
        self.circuit = Circuit("object_store", self.outages, works=works, clock=lambda: self.now)

    async def call(self, key: object, error: Exception | None = None) -> None:
        with suppress(Away, Answer, ValueError):
            async with self.circuit.call(key):
                if error is not None:
                    raise error

    async def fail(self, keys: Iterable[object], seconds_between: float = 1.0) -> None:
        for key in keys:
            await self.call(key, Away("no answer"))
            self.now += seconds_between

    async def hang(self, key: object) -> None:
        async with self.circuit.call(key):
            await asyncio.Event().wait()

    async def opened(self) -> None:
        await self.fail(range(DIFFERENT_OBJECTS))
        assert self.circuit.is_open


async def test_it_opens_when_enough_different_objects_failed_over_enough_time_and_says_so() -> None:
    bench = Bench()
    await bench.fail(range(DIFFERENT_OBJECTS - 1))
    assert list(bench.outages.current) == []
    await bench.fail(["one more"])
    assert bench.circuit.is_open
    (outage,) = bench.outages.current
    assert (outage.component, outage.error) == ("object_store", "Away: no answer")


async def test_one_object_that_fails_for_ever_opens_nothing() -> None:
    bench = Bench()
    await bench.fail(["the same"] * 100)
    assert not bench.circuit.is_open


async def test_one_moment_of_failures_opens_nothing() -> None:
    bench = Bench()
    await bench.fail(range(1000), seconds_between=0)
    assert not bench.circuit.is_open
    bench.now += LEAST_SECONDS
    await bench.fail(["later"])
    assert bench.circuit.is_open


@pytest.mark.parametrize("answer", [None, Answer()], ids=["success", "an error that is an answer"])
async def test_one_answer_among_any_number_of_failures_keeps_it_closed(answer: Exception | None) -> None:
    bench = Bench()
    for _ in range(50):
        await bench.fail(range(DIFFERENT_OBJECTS - 1))
        await bench.call("good", answer)
    assert not bench.circuit.is_open


async def test_what_says_nothing_of_the_part_neither_opens_nor_closes_it() -> None:
    bench = Bench()
    for key in range(50):
        await bench.call(key, ValueError())
        bench.now += 1
    assert not bench.circuit.is_open
    await bench.opened()
    bench.now += LONGEST_PROBE_SECONDS
    await bench.call(0, ValueError())
    assert bench.circuit.is_open


async def test_while_it_is_open_one_call_at_a_time_goes_through_and_the_first_answer_lets_all_go() -> None:
    bench = Bench()
    await bench.opened()
    bench.now += LONGEST_PROBE_SECONDS
    inside: list[int] = []
    answered = asyncio.Event()

    async def call(number: int) -> None:
        async with bench.circuit.call(number):
            inside.append(number)
            await answered.wait()

    calls = [asyncio.create_task(call(number)) for number in range(5)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(inside) == 1
    answered.set()
    await asyncio.gather(*calls)
    assert sorted(inside) == [0, 1, 2, 3, 4]
    assert not bench.circuit.is_open
    assert bench.outages.current == ()


async def test_a_failed_probe_is_followed_by_a_longer_pause() -> None:
    bench = Bench()
    await bench.opened()
    pauses = []
    for number in range(12):
        bench.now = bench.circuit._next_probe
        await bench.call(number % DIFFERENT_OBJECTS, Away())
        pauses.append(bench.circuit._next_probe - bench.now)
    assert bench.circuit.is_open
    assert max(pauses) <= LONGEST_PROBE_SECONDS
    assert min(pauses[-3:]) >= LONGEST_PROBE_SECONDS / 2
    assert pauses[0] <= 1


async def test_a_probe_that_is_cancelled_makes_room_for_the_next() -> None:
    bench = Bench()
    await bench.opened()
    bench.now += LONGEST_PROBE_SECONDS

    hanging = asyncio.create_task(bench.hang(0))
    await asyncio.sleep(0)
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)
    await bench.call(1)
    assert not bench.circuit.is_open


async def test_an_object_that_has_not_failed_yet_need_not_wait_for_those_that_have() -> None:
    bench = Bench()
    await bench.opened()
    bench.now += LONGEST_PROBE_SECONDS

    probe = asyncio.create_task(bench.hang(0))
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await bench.call("another user's", Away())
        assert bench.outages.current, "it is still open"
        again = asyncio.create_task(bench.call("another user's"))
        await asyncio.wait([again], timeout=0.01)
        assert not again.done(), "it had its attempt, and has to wait now"
        await bench.call("a third one's")
        await again
    assert not bench.circuit.is_open
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
