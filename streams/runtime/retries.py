"""
Named retry policies: bounded for failures of one picture, unlimited for dependencies that all pictures share.

While a shared dependency is retried, its outage is declared (health, metric, log) and offsets are held; the wait is the
backpressure. Only the errors that a policy names are retried, so bugs are not.
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
    When to retry and when to give up. Each wait is twice the previous one, plus random jitter.

    Attributes:
        attempts: maximum number, including the first one; None for no limit.
        timeout_seconds: limit for all attempts together; None for no limit.
        first_wait_seconds: wait before the second attempt.
        longest_wait_seconds: maximum wait, including jitter.
        jitter_seconds: maximum jitter.
    """

    attempts: int | None
    timeout_seconds: float | None
    first_wait_seconds: float = 0.1
    longest_wait_seconds: float = 5.0
    jitter_seconds: float = 1.0


UNTIL_AVAILABLE: Final = Policy(attempts=None, timeout_seconds=None, longest_wait_seconds=15.0)
"""For shared dependencies: no limit, and at most 15 s of wait, so that a recovery is noticed soon."""


async def until_available(
    call: Callable[[], Awaitable[ResultT]],
    *,
    on: Errors,
    component: Component,
    outages: Outages,
    policy: Policy = UNTIL_AVAILABLE,
) -> ResultT:
    """
    Call until it succeeds, however long the component is unavailable.

    Raises:
        every error of ``call`` that ``on`` does not name.
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
            elif failed:  # another error: the component answers again
                outages.end(component)
            raise
        if failed:
            outages.end(component)
        return result

    return await retried(attempt, on=on, policy=policy)


async def retried(call: Callable[[], Awaitable[ResultT]], *, on: Errors, policy: Policy) -> ResultT:
    """
    Call with a retry policy. stamina is set up only after the first failure.

    Nearly every call succeeds, and the setup costs 0.06 ms of CPU time, three times per picture.

    Raises:
        every error of ``call`` that ``on`` does not name, and the last error when the policy gives up.
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
            if attempt.num == 1:  # the call above was the first attempt
                raise failure
            return await call()
    raise AssertionError("stamina leaves its loop only by an exception or our return")


def _names(on: Errors, error: Exception) -> bool:
    return isinstance(error, on) if isinstance(on, type | tuple) else on(error)


def _quiet(details: RetryDetails) -> None:
    """Log no attempts: ``Outages`` logs the begin and the end of an outage once each."""


# stamina's default hooks log every attempt and create a metric whose labels grow with the attempts.
set_on_retry_hooks([_quiet])
