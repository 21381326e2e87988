"""
How many parked uploads are tried at a time, by reason. Pure.

Uploads on which the store is silent take long; with a limit per reason they hold up only each other. Suspects, whose
pictures hung or crashed a decoder, are tried one at a time: for seconds at first, later for a minute or more. These two
kinds have limits of their own, so that pictures that are only slow do not wait behind pictures that hung twice. An
upload that waits here holds no bytes and no model.
"""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final, get_args

from streams.contracts import RetryReason
from streams.retry.attempt import SUSPECT, Attempt

RETRIES_CONCURRENT_MAX: Final = 16
"""Per reason: few, compared with the uploads that come in."""

RETRIES_IN_FLIGHT_MAX: Final = 1024
"""Consumed from the retry topics and not yet acknowledged. Most of them wait here, at the cost of their messages."""

_UNLIMITED: Final = nullcontext()


class ConcurrencyLimits:
    """No limit for new uploads, ``retries`` at a time per reason for parked ones, one at a time for suspects."""

    def __init__(self, retries: int = RETRIES_CONCURRENT_MAX) -> None:
        self._limits = {
            reason: asyncio.Semaphore(1 if reason == SUSPECT else retries) for reason in get_args(RetryReason)
        }
        self._one_by_one = asyncio.Semaphore(1)

    def of(self, attempt: Attempt | None) -> AbstractAsyncContextManager[Any]:
        """
        The context in which to work on an upload.

        Args:
            attempt: the earlier attempts of a parked upload; None for a new one.
        """
        if attempt is None:
            return _UNLIMITED
        return self._one_by_one if attempt.has_full_time else self._limits[attempt.reason]
