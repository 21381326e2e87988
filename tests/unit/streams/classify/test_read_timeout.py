import asyncio
from collections.abc import AsyncIterator

import pytest

from streams.classify.read_timeout import ReadTimeout
from streams.consumer.byte_budget import ByteBudget

SECONDS, SILENCE_SECONDS = 60.0, 10.0


@pytest.fixture
async def limit() -> AsyncIterator[ReadTimeout]:
    with ByteBudget(100).claim() as claim:
        async with ReadTimeout(claim, seconds=SECONDS, silence_seconds=lambda: SILENCE_SECONDS) as limit:
            yield limit


def left(limit: ReadTimeout) -> float:
    """Seconds; more by the moment."""
    assert limit._timer is not None
    return limit._timer.when() - asyncio.get_running_loop().time()


async def test_the_store_has_its_time_again_whenever_some_of_the_object_comes(limit: ReadTimeout) -> None:
    await asyncio.sleep(0.02)
    before = left(limit)
    assert before < SILENCE_SECONDS
    limit.arrived()
    assert before < left(limit) <= SILENCE_SECONDS


async def test_however_much_comes_it_has_no_more_than_the_whole_time(limit: ReadTimeout) -> None:
    limit._ends = asyncio.get_running_loop().time() + 5
    limit.arrived()
    assert left(limit) <= 5


async def test_between_two_attempts_it_is_not_the_store_that_is_silent(limit: ReadTimeout) -> None:
    await limit.reserve(60)
    limit.pause()
    assert left(limit) > SILENCE_SECONDS
    assert limit._claim._held == 0
    limit.listen()
    assert left(limit) <= SILENCE_SECONDS


async def test_waiting_for_capacity_takes_none_of_its_time() -> None:
    budget = ByteBudget(100)
    with budget.claim() as others, budget.claim() as claim:
        await others.take(100)
        async with ReadTimeout(claim, seconds=SECONDS, silence_seconds=lambda: SILENCE_SECONDS) as limit:
            ends = limit._ends
            waiting = asyncio.create_task(limit.reserve(60))
            await asyncio.sleep(0.01)
            assert limit._timer is not None
            assert limit._timer.cancelled()
            others.release()
            await waiting
            assert limit._ends > ends


async def test_what_comes_in_the_moment_in_which_time_is_up_comes_too_late() -> None:
    """A thread reports it to the loop, where it may stand before the task whose time is up."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()

    def tell() -> None:
        if not short._timeout.expired():
            loop.call_soon(tell)
            return
        short.arrived()
        told.set()

    with ByteBudget(100).claim() as claim:
        short = ReadTimeout(claim, seconds=SECONDS, silence_seconds=lambda: 0)
        tell()
        with pytest.raises(TimeoutError):
            async with short:
                await asyncio.Event().wait()
    assert told.is_set()


async def test_time_in_which_the_loop_is_held_up_is_not_the_stores_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer that came meanwhile stands behind the timer: another user's message took the loop for long."""
    loop, now = asyncio.get_running_loop(), asyncio.get_running_loop().time
    with ByteBudget(100).claim() as claim:
        async with ReadTimeout(claim, seconds=0.2, silence_seconds=lambda: 0.1) as limit:
            monkeypatch.setattr(loop, "time", lambda: now() + 0.4)
            await asyncio.sleep(0.01)
            limit.arrived()
            assert limit.longest_silence >= 0.4
            assert 0 < left(limit) <= 0.1
