import asyncio
from collections.abc import Awaitable, Callable

import pytest

from persistence.cache import Cache

KEY = "counts"


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Source:
    """Numbers its answers; waits for ``gate`` first."""

    def __init__(self) -> None:
        self.loads = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    async def __call__(self) -> int:
        self.loads += 1
        number = self.loads
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return number


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> Cache[int]:
    return Cache(ttl_seconds=10, max_entries=2, clock=clock)


async def test_an_answer_is_kept_for_its_time_and_not_longer(cache: Cache[int], clock: Clock) -> None:
    source = Source()
    assert await cache.get(KEY, source) == 1
    clock.seconds = 9.9
    assert await cache.get(KEY, source) == 1
    clock.seconds = 10
    assert await cache.get(KEY, source) == 2


async def test_the_time_counts_from_the_start_of_the_query(cache: Cache[int], clock: Clock) -> None:
    source = Source()
    source.gate.clear()
    waiting = asyncio.create_task(cache.get(KEY, source))
    await asyncio.sleep(0)
    clock.seconds = 8
    source.gate.set()
    assert await waiting == 1
    clock.seconds = 11
    assert await cache.get(KEY, source) == 2


async def test_a_burst_makes_one_query(cache: Cache[int]) -> None:
    source = Source()
    source.gate.clear()
    burst = [asyncio.create_task(cache.get(KEY, source)) for _ in range(50)]
    await asyncio.sleep(0)
    source.gate.set()
    assert await asyncio.gather(*burst) == [1] * 50
    assert source.loads == 1


async def test_an_error_reaches_everybody_who_waited_and_is_not_kept(cache: Cache[int]) -> None:
    source = Source()
    source.gate.clear()
    source.error = OSError("down")
    burst = [asyncio.create_task(cache.get(KEY, source)) for _ in range(3)]
    await asyncio.sleep(0)
    source.gate.set()
    assert [type(end) for end in await asyncio.gather(*burst, return_exceptions=True)] == [OSError] * 3
    source.error = None
    assert await cache.get(KEY, source) == 2


async def test_a_caller_that_is_cancelled_leaves_the_query_to_the_others(cache: Cache[int]) -> None:
    source = Source()
    source.gate.clear()
    first = asyncio.create_task(cache.get(KEY, source))
    await asyncio.sleep(0)
    second = asyncio.create_task(cache.get(KEY, source))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    source.gate.set()
    assert await second == 1
    assert source.loads == 1


async def test_the_entry_that_was_not_used_for_longest_goes_first(cache: Cache[int]) -> None:
    def answer(value: int) -> Callable[[], Awaitable[int]]:
        async def load() -> int:
            return value

        return load

    for key in ("a", "b", "a", "c"):
        await cache.get(key, answer(1))
    assert await cache.get("a", answer(2)) == 1
    assert await cache.get("b", answer(2)) == 2
