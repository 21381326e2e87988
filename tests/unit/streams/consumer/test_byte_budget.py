import asyncio
import random

from hypothesis import given
from hypothesis import strategies as st

from streams.consumer.byte_budget import Budgets, ByteBudget


async def hold(budget: ByteBudget, size: int) -> None:
    with budget.claim() as claim:
        await claim.take(size)
        await asyncio.Event().wait()


async def cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in ended] == [asyncio.CancelledError] * len(tasks)


async def test_no_more_than_the_budget_is_ever_held() -> None:
    budget = ByteBudget(100)
    rng = random.Random(1)

    async def take(size: int) -> None:
        with budget.claim() as claim:
            await claim.take(size)
            assert budget.used <= 100
            await asyncio.sleep(0)

    await asyncio.gather(*(take(rng.randint(1, 120)) for _ in range(200)))
    assert budget.used == 0


async def test_small_ones_do_not_overtake_a_large_one_for_ever() -> None:
    budget = ByteBudget(10)
    order: list[str] = []

    async def take(name: str, size: int) -> None:
        with budget.claim() as claim:
            await claim.take(size)
            order.append(name)
            await asyncio.sleep(0)

    await asyncio.gather(take("first", 5), take("large", 10), take("late", 1))
    assert order == ["first", "large", "late"]


async def test_one_larger_than_the_budget_goes_alone() -> None:
    budget = ByteBudget(10)
    with budget.claim() as claim:
        async with asyncio.timeout(60):
            await claim.take(1000)
        assert budget.used == 10


async def test_a_claim_that_takes_again_gives_back_first_so_that_two_never_wait_for_each_other() -> None:
    budget = ByteBudget(10)
    with budget.claim() as claim, budget.claim() as other:
        assert budget.used == 0
        await claim.take(6)
        its = asyncio.create_task(other.take(4))
        ours = asyncio.create_task(claim.take(7))
        await asyncio.wait([its, ours], timeout=0.02)
        assert its.done()
        assert not ours.done()
        other.release()
        async with asyncio.timeout(60):
            await ours
        assert budget.used == 7
    assert budget.used == 0


async def test_a_cancelled_wait_leaves_nothing_behind() -> None:
    budget = ByteBudget(10)
    holder = asyncio.create_task(hold(budget, 5))
    waiting = [asyncio.create_task(hold(budget, weight)) for weight in (10, 3, 3, 3)]
    await asyncio.sleep(0)
    await cancel(*waiting, holder)
    assert budget.used == 0


async def test_cancelled_in_the_turn_in_which_it_was_granted_gives_it_back() -> None:
    budget = ByteBudget(10)
    with budget.claim() as holder:
        await holder.take(10)
        waiting = asyncio.create_task(hold(budget, 10))
        await asyncio.sleep(0)
    waiting.cancel()  # it was granted as the context ended
    await asyncio.gather(waiting, return_exceptions=True)
    assert budget.used == 0


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("start"), st.integers(0, 150)),
            st.tuples(st.just("cancel"), st.integers(0, 30)),
            st.tuples(st.just("turn"), st.just(0)),
        ),
        max_size=40,
    )
)
def test_whatever_starts_and_is_cancelled_the_account_is_right_and_all_that_fits_is_granted(
    steps: list[tuple[str, int]],
) -> None:
    async def run() -> None:
        budget = ByteBudget(100)
        held: dict[int, int] = {}
        tasks: list[asyncio.Task[None]] = []

        async def take(number: int, size: int) -> None:
            try:
                with budget.claim() as claim:
                    await claim.take(size)
                    held[number] = min(size, 100)
                    await asyncio.Event().wait()
            finally:
                held.pop(number, None)

        for what, value in steps:
            if what == "start":
                tasks.append(asyncio.create_task(take(len(tasks), value)))
            elif what == "cancel" and tasks:
                tasks[value % len(tasks)].cancel()
            else:
                await asyncio.sleep(0)
            assert 0 <= budget.used <= 100
        for _ in range(3):
            await asyncio.sleep(0)
        assert budget.used == sum(held.values())
        sizes = [min(value, 100) for what, value in steps if what == "start"]
        waiting = [sizes[i] for i, task in enumerate(tasks) if not task.done() and i not in held]
        assert not waiting or waiting[0] > 100 - budget.used, "what is first in the queue fits, and is not granted"
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert budget.used == 0

    asyncio.run(run())


async def test_room_that_parked_uploads_hold_is_no_room_of_others() -> None:
    budgets = Budgets.of(100)
    slow = [asyncio.create_task(hold(budgets.parked, 30)) for _ in range(3)]
    await asyncio.sleep(0)
    assert budgets.used == 25
    with budgets.incoming.claim() as claim:
        await asyncio.wait_for(claim.take(75), 60)
        assert budgets.used == 100, "both together are what may be in flight"
    await cancel(*slow)
    assert budgets.used == 0
