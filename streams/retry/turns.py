"""
How many parked uploads are tried at a time, for each reason. Pure.

Those on which the store is silent take their time, and hold up no others but such. A suspect, whose picture hung or
crashed a decoder, may keep the next one for seconds, and the patient one after that for a minute and more: those that
may just be slow do not wait behind those that hung twice. Whoever waits for a turn takes nothing along: no bytes, no
model, and no place of those that are parked for other reasons.
"""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final, get_args

from streams.contracts import RetryReason
from streams.retry.attempt import SUSPECT, Attempt

RETRIES_AT_A_TIME: Final = 16
"""Of each reason: a few, beside the uploads that come in."""

RETRIES_TAKEN: Final = 1024
"""Taken off the retry topics. All but a few of them only wait for their turn, which costs their messages' memory."""

_AT_ONCE: Final = nullcontext()


class Turns:
    """Lets what comes in pass at once, ``retries`` of those parked for one reason at a time, suspects one by one."""

    def __init__(self, retries: int = RETRIES_AT_A_TIME) -> None:
        self._turns = {
            reason: asyncio.Semaphore(1 if reason == SUSPECT else retries) for reason in get_args(RetryReason)
        }
        self._patient = asyncio.Semaphore(1)

    def of(self, attempt: Attempt | None) -> AbstractAsyncContextManager[Any]:
        """
        The context to work in on an upload.

        Args:
            attempt: the attempts before, of an upload that comes from a retry topic.
        """
        if attempt is None:
            return _AT_ONCE
        return self._patient if attempt.has_all_time else self._turns[attempt.reason]
