import asyncio
import random

from streams.byte_budget import ByteBudget


async def test_no_more_than_the_budget_is_ever_held() -> None:
    budget = ByteBudget(100)
    rng = random.Random(1)

    async def take(size: int) -> None:
        async with budget.hold(size):
            assert budget.used <= 100
            await asyncio.sleep(0)

    await asyncio.gather(*(take(rng.randint(1, 120)) for _ in range(200)))
    assert budget.used == 0


async def test_small_ones_do_not_overtake_a_large_one_for_ever() -> None:
    budget = ByteBudget(10)
    order: list[str] = []

    async def take(name: str, size: int) -> None:
        async with budget.hold(size):
            order.append(name)
            await asyncio.sleep(0)

    await asyncio.gather(take("first", 5), take("large", 10), take("late", 1))
    assert order == ["first", "large", "late"]


async def test_one_larger_than_the_budget_goes_alone() -> None:
    budget = ByteBudget(10)
    async with asyncio.timeout(5), budget.hold(1000):
        assert budget.used == 10


async def test_a_cancelled_wait_leaves_nothing_behind() -> None:
    budget = ByteBudget(10)
    async with budget.hold(5):
        waiting = [asyncio.create_task(budget.hold(weight).__aenter__()) for weight in (10, 3, 3, 3)]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(each) for each in ended] == [asyncio.CancelledError] * 4
    async with asyncio.timeout(5), budget.hold(10):
        pass
    assert budget.used == 0


async def test_cancelled_in_the_turn_in_which_it_was_granted_gives_it_back() -> None:
    budget = ByteBudget(10)
    holder = budget.hold(10)
    await holder.__aenter__()
    waiting = asyncio.create_task(budget.hold(10).__aenter__())
    await asyncio.sleep(0)
    await holder.__aexit__(None, None, None)  # grants
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert budget.used == 0
