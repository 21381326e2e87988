import asyncio
from typing import Any

import pytest

from streams.classify.fetching import FETCH
from streams.kafka.admin import LISTING
from streams.kafka.group_offsets import COORDINATOR
from streams.runtime.retries import UNTIL_AVAILABLE, Policy, retried

FOUR_ATTEMPTS = Policy(attempts=4, timeout_seconds=None)


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
    assert await retried(call, on=PassingError, policy=FOUR_ATTEMPTS) == "done"
    assert call.made == failures + 1


@pytest.mark.usefixtures("impatient")
async def test_the_first_attempt_counts_and_the_last_ones_error_is_told() -> None:
    errors = [PassingError(number) for number in range(5)]
    call = Call(*errors)
    with pytest.raises(PassingError) as raised:
        await retried(call, on=PassingError, policy=FOUR_ATTEMPTS)
    assert call.made == 4
    assert raised.value is errors[3]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("before", [0, 1])
async def test_what_the_policy_does_not_name_is_told_at_once(before: int) -> None:
    call = Call(*(PassingError() for _ in range(before)), LastingError())
    with pytest.raises(LastingError):
        await retried(call, on=PassingError, policy=FOUR_ATTEMPTS)
    assert call.made == before + 1


async def test_a_pause_comes_before_the_second_attempt() -> None:
    policy = Policy(attempts=2, timeout_seconds=None, first_wait_seconds=0.02, jitter_seconds=0)
    loop, times = asyncio.get_running_loop(), list[float]()

    async def call() -> None:
        times.append(loop.time())
        if len(times) == 1:
            raise PassingError

    await retried(call, on=PassingError, policy=policy)
    assert times[1] - times[0] >= 0.018


def test_a_policy_is_checked_where_it_is_written_not_when_a_call_first_fails() -> None:
    misspelt: dict[str, Any] = {"attemps": 4, "timeout_seconds": None}
    with pytest.raises(TypeError, match="attemps"):
        Policy(**misspelt)


def test_only_what_all_pictures_share_is_waited_for_without_an_end() -> None:
    assert (UNTIL_AVAILABLE.attempts, UNTIL_AVAILABLE.timeout_seconds) == (None, None)
    for policy in (FETCH, LISTING, COORDINATOR):
        assert (policy.attempts, policy.timeout_seconds) != (None, None)
