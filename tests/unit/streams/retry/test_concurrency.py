import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import get_args

import pytest

from streams.contracts import RetryReason
from streams.retry.attempt import Attempt
from streams.retry.concurrency import ConcurrencyLimits

pytestmark = pytest.mark.usefixtures("virtual_time")


def parked(why: RetryReason, number: int = 1) -> Attempt:
    return Attempt(number, datetime(2026, 11, 23, tzinfo=UTC), why, "", "image-uploads", 0, 1)


class Work:
    """Counts how many are at it at a time, and ends when told to."""

    def __init__(self, limits: ConcurrencyLimits) -> None:
        self._limits = limits
        self.at_it = 0
        self.done = asyncio.Event()

    async def __call__(self, attempt: Attempt | None) -> None:
        async with self._limits.of(attempt):
            self.at_it += 1
            await self.done.wait()
            self.at_it -= 1


async def at_it(
    limits: ConcurrencyLimits, number: int, attempt: Attempt | None, beside: Iterable[RetryReason] = ()
) -> int:
    """How many of ``number`` are worked on, beside others, a hundred for each reason, of which none ends."""
    others, work = Work(limits), Work(limits)
    async with asyncio.TaskGroup() as group:
        for reason in beside:
            for _ in range(100):
                group.create_task(others(parked(reason)))
        for _ in range(number):
            group.create_task(work(attempt))
        await asyncio.sleep(0.01)
        seen = work.at_it
        others.done.set()
        work.done.set()
    return seen


async def test_suspects_are_tried_one_by_one() -> None:
    assert await at_it(ConcurrencyLimits(), 20, parked("decoder_crashed")) == 1
    assert await at_it(ConcurrencyLimits(), 20, parked("decoder_crashed", 2)) == 1


async def test_a_suspect_that_may_just_be_slow_does_not_wait_for_those_that_hung_again() -> None:
    limits = ConcurrencyLimits()
    async with limits.of(parked("decoder_crashed", 2)):
        assert await at_it(limits, 20, parked("decoder_crashed")) == 1


async def test_however_many_wait_for_one_reason_they_keep_no_others_from_their_turn() -> None:
    limits = ConcurrencyLimits(retries=4)
    assert await at_it(limits, 20, parked("missing"), beside=["decoder_crashed", "unavailable"]) == 4
    assert await at_it(limits, 20, None, beside=get_args(RetryReason)) == 20
