"""
Named retry policies. Bounded for one picture's own troubles, endless for a dependency that all pictures share.

While a shared dependency is retried, its outage is declared (health, metric, log), offsets are held, and the waiting
is the backpressure. Never retries what a policy does not name: bugs do not get better on the third try.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import stamina
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from streams.runtime import metrics
from streams.runtime.components import Component
from streams.runtime.outages import Outages

ResultT = TypeVar("ResultT")
Errors = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """
    When to call again after a failure, and when to give up. The waits double, each with its own jitter on top.

    Attributes:
        attempts: at most, the first one included; None for no limit.
        timeout_seconds: for all of them together; None for no limit.
        first_wait_seconds: before the second attempt.
        longest_wait_seconds: before any, jitter included.
        jitter_seconds: at most.
    """

    attempts: int | None
    timeout_seconds: float | None
    first_wait_seconds: float = 0.1
    longest_wait_seconds: float = 5.0
    jitter_seconds: float = 1.0


UNTIL_AVAILABLE: Final = Policy(attempts=None, timeout_seconds=None, longest_wait_seconds=15.0)
"""For a dependency that all pictures share: endless, and soon there once it answers again."""


async def until_available(
    call: Callable[[], Awaitable[ResultT]],
    *,
    on: Errors,
    component: Component,
    outages: Outages,
    policy: Policy = UNTIL_AVAILABLE,
) -> ResultT:
    """
    Call until it succeeds, however long the component is away.

    Raises:
        whatever ``call`` raises that ``on`` does not name.
    """
    failed = False

    async def attempt() -> ResultT:
        nonlocal failed
        try:
            result = await call()
        except Exception as error:
            if _names(on, error):
                failed = True
                metrics.RETRIES.labels(component).inc()
                outages.begin(component, error)
            elif failed:  # it answers again, if not what we hoped for
                outages.end(component)
            raise
        if failed:
            outages.end(component)
        return result

    return await retried(attempt, on=on, policy=policy)


async def retried(call: Callable[[], Awaitable[ResultT]], *, on: Errors, policy: Policy) -> ResultT:
    """
    Call by a policy. stamina is set up once a call has failed.

    Nearly every call succeeds; setting it up for each took 0.06 ms of processor time, three times a picture.

    Raises:
        whatever ``call`` raises that ``on`` does not name, and what it raised last when the policy gives up.
    """
    try:
        return await call()
    except Exception as error:  # noqa: BLE001 - raised again below, where the policy decides
        failure = error
    async for attempt in stamina.retry_context(
        on=on,
        attempts=policy.attempts,
        timeout=policy.timeout_seconds,
        wait_initial=policy.first_wait_seconds,
        wait_max=policy.longest_wait_seconds,
        wait_jitter=policy.jitter_seconds,
    ):
        with attempt:
            if attempt.num == 1:  # has been made
                raise failure
            return await call()
    raise AssertionError("stamina leaves its loop only by an exception or our return")


def _names(on: Errors, error: Exception) -> bool:
    return isinstance(error, on) if isinstance(on, type | tuple) else on(error)


def _quiet(details: RetryDetails) -> None:
    """Outages are declared by ``Outages``, once at each edge; a line for each attempt would bury them."""


# stamina's default hooks log every attempt and create a metric whose labels grow with the attempts.
set_on_retry_hooks([_quiet])
