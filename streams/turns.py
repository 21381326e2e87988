"""
How many parked uploads are tried at a time. Pure.

A suspect (a picture that hung or crashed a decoder) may keep the one patient decoder for a minute and more. Whoever
waits for that takes nothing along: no bytes, no model, and no place of those that are parked for other reasons.
"""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final

from streams.retry.attempt import Attempt

RETRIES_AT_A_TIME: Final = 16
"""A few, beside the uploads that come in."""

RETRIES_TAKEN: Final = 1024
"""Taken off the retry topics. All but a few of them only wait for their turn, which costs their messages' memory."""

_AT_ONCE: Final = nullcontext()


class Turns:
    """Lets uploads that come in pass at once, ``retries`` of the parked ones at a time, and suspects one by one."""

    def __init__(self, retries: int = RETRIES_AT_A_TIME) -> None:
        self._retries = asyncio.Semaphore(retries)
        self._suspects = asyncio.Semaphore(1)

    def of(self, attempt: Attempt | None) -> AbstractAsyncContextManager[Any]:
        """
        The context to work in on an upload.

        Args:
            attempt: the attempts before, of an upload that comes from a retry topic.
        """
        if attempt is None:
            return _AT_ONCE
        return self._suspects if attempt.is_suspect else self._retries
