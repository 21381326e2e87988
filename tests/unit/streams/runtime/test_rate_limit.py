import pytest

from streams.runtime.rate_limit import BEHIND_MAX_SECONDS, Pace


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def turns(pace: Pace, clock: Clock, *, until: float) -> int:
    """How many turns came before a moment."""
    count = -1  # the last one came after it
    while clock.now < until:
        await pace.turn()
        count += 1
    return count


@pytest.mark.parametrize("rate", [0.5, 3, 100, 2500])
async def test_so_many_turns_come_in_a_minute_and_no_more(rate: float) -> None:
    clock = Clock()
    count = await turns(Pace(rate, clock=clock, sleep=clock.sleep), clock, until=1060)
    assert count == pytest.approx(60 * rate, abs=1.01)


async def test_slow_work_in_between_does_not_slow_the_pace() -> None:
    clock = Clock()
    pace = Pace(10, clock=clock, sleep=clock.sleep)
    for _ in range(100):
        await pace.turn()
        clock.now += 0.09
    assert clock.now == pytest.approx(1000 + 99 * 0.1 + 0.09)


async def test_a_long_pause_is_made_up_for_by_a_second_at_most() -> None:
    clock = Clock()
    pace = Pace(10, clock=clock, sleep=clock.sleep)
    await pace.turn()
    clock.now += 3600
    resumed = clock.now
    count = await turns(pace, clock, until=resumed + 10)
    assert count == pytest.approx(10 * (10 + BEHIND_MAX_SECONDS), abs=1.01)


async def test_without_a_rate_nobody_waits() -> None:
    clock = Clock()
    pace = Pace(None, clock=clock, sleep=clock.sleep)
    for _ in range(1000):
        await pace.turn()
    assert clock.now == 1000.0
