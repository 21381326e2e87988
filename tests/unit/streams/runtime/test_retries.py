import asyncio

import pytest

from streams.runtime.retries import retried


class PassingError(Exception):
    pass


class LastingError(Exception):
    pass


class Call:
    """Raises what it is given, one at a time, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.made = 0

    async def __call__(self) -> str:
        self.made += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("failures", [0, 1, 2, 3])
async def test_as_many_attempts_are_made_as_are_needed(failures: int) -> None:
    call = Call(*(PassingError() for _ in range(failures)))
    assert await retried(call, on=PassingError, attempts=4, timeout=None) == "done"
    assert call.made == failures + 1


@pytest.mark.usefixtures("impatient")
async def test_the_first_attempt_counts_and_the_last_ones_error_is_told() -> None:
    errors = [PassingError(number) for number in range(5)]
    call = Call(*errors)
    with pytest.raises(PassingError) as raised:
        await retried(call, on=PassingError, attempts=4, timeout=None)
    assert call.made == 4
    assert raised.value is errors[3]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("before", [0, 1])
async def test_what_the_policy_does_not_name_is_told_at_once(before: int) -> None:
    call = Call(*(PassingError() for _ in range(before)), LastingError())
    with pytest.raises(LastingError):
        await retried(call, on=PassingError, attempts=4, timeout=None)
    assert call.made == before + 1


async def test_a_pause_comes_before_the_second_attempt() -> None:
    loop, times = asyncio.get_running_loop(), list[float]()

    async def call() -> None:
        times.append(loop.time())
        if len(times) == 1:
            raise PassingError

    await retried(call, on=PassingError, attempts=2, timeout=None, wait_initial=0.02, wait_jitter=0)
    assert times[1] - times[0] >= 0.018
