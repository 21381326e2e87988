import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from streams.consumer.batches import Batcher


@asynccontextmanager
async def serving(batcher: Batcher[int, int]) -> AsyncIterator[None]:
    task = asyncio.create_task(batcher.serve())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_every_caller_gets_the_result_of_its_own_item() -> None:
    async def run(items: Sequence[int]) -> list[int]:
        return [item * 10 for item in items]

    batcher = Batcher(run, max_size=7, max_wait_seconds=0)
    async with serving(batcher):
        assert await asyncio.gather(*(batcher.submit(i) for i in range(50))) == [i * 10 for i in range(50)]


async def test_batches_fill_while_one_runs_and_never_exceed_the_maximum() -> None:
    sizes: list[int] = []
    gate = asyncio.Event()

    async def run(items: Sequence[int]) -> list[int]:
        sizes.append(len(items))
        await gate.wait()
        return list(items)

    batcher = Batcher(run, max_size=4, max_wait_seconds=0)
    async with serving(batcher):
        first = asyncio.create_task(batcher.submit(0))
        while not sizes:
            await asyncio.sleep(0)
        rest = [asyncio.create_task(batcher.submit(i)) for i in range(9)]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(first, *rest)
    assert sizes == [1, 4, 4, 1]


async def test_a_lone_item_goes_at_once_when_nothing_else_is_announced() -> None:
    async def run(items: Sequence[int]) -> list[int]:
        return list(items)

    batcher = Batcher(run, max_size=8, max_wait_seconds=3600)
    async with serving(batcher), asyncio.timeout(60):
        assert await batcher.submit(1) == 1


async def test_a_batch_waits_for_an_announced_item() -> None:
    batches: list[list[int]] = []

    async def run(items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        return list(items)

    batcher = Batcher(run, max_size=8, max_wait_seconds=3600)
    async with serving(batcher), asyncio.timeout(60):
        with batcher.expecting():
            early = asyncio.create_task(batcher.submit(1))
            for _ in range(10):
                await asyncio.sleep(0)
            assert batches == []
        await batcher.submit(2)  # in the turn in which it stopped being announced, as in classify.py
        await early
    assert batches == [[1, 2]]


async def test_a_batch_waits_no_longer_than_its_bound() -> None:
    async def run(items: Sequence[int]) -> list[int]:
        return list(items)

    batcher = Batcher(run, max_size=8, max_wait_seconds=0.01)
    async with serving(batcher), asyncio.timeout(60):
        with batcher.expecting():
            assert await batcher.submit(1) == 1


async def test_under_load_a_batch_lingers_to_fill_and_at_low_load_it_does_not() -> None:
    sizes: list[int] = []

    async def run(items: Sequence[int]) -> list[int]:
        sizes.append(len(items))
        return list(items)

    batcher = Batcher(run, max_size=3, max_wait_seconds=0, linger_seconds=3600)
    async with serving(batcher), asyncio.timeout(60):
        await batcher.submit(0)  # nothing ran before: goes alone, at once
        rest = [asyncio.create_task(batcher.submit(i)) for i in range(2)]
        for _ in range(20):
            await asyncio.sleep(0)
        assert sizes == [1]  # a batch has just ended: this one waits to be full
        await batcher.submit(3)
        await asyncio.gather(*rest)
    assert sizes == [1, 3]


async def test_a_failing_run_ends_the_service_and_blames_no_item() -> None:
    async def run(items: Sequence[int]) -> list[int]:
        raise RuntimeError("the engine broke")

    batcher: Batcher[int, int] = Batcher(run, max_size=8, max_wait_seconds=0)
    waiting = asyncio.create_task(batcher.submit(1))
    with pytest.raises(ExceptionGroup) as caught:
        await batcher.serve()
    assert caught.group_contains(RuntimeError, match="the engine broke")
    assert not waiting.done()
    waiting.cancel()


async def test_a_run_that_loses_an_item_ends_the_service() -> None:
    async def run(items: Sequence[int]) -> list[int]:
        return list(items)[:-1]

    batcher: Batcher[int, int] = Batcher(run, max_size=8, max_wait_seconds=0)
    waiting = asyncio.create_task(batcher.submit(1))
    with pytest.raises(ExceptionGroup) as caught:
        await batcher.serve()
    assert caught.group_contains(ValueError)
    waiting.cancel()


async def test_a_concurrency_of_two_runs_two_batches_at_a_time() -> None:
    running, most = 0, 0

    async def run(items: Sequence[int]) -> list[int]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return list(items)

    batcher = Batcher(run, max_size=1, max_wait_seconds=0, concurrency=2)
    async with serving(batcher):
        await asyncio.gather(*(batcher.submit(i) for i in range(10)))
    assert most == 2
