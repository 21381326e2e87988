"""A clock for an event loop that stands still while there is work, and jumps to the next timer when there is none."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def virtual_time() -> Iterator[None]:
    """
    Let the running loop's timers come at once, in their order, and none before what is ready is done.

    However slow the machine is, a pause lasts exactly as long as it says. What comes from another thread or process
    must not be waited for: the loop does not know that it will come.
    """
    loop: Any = asyncio.get_running_loop()
    select, now = loop._selector.select, loop.time()

    def jump(timeout: float | None) -> Any:
        nonlocal now
        ready = select(0 if timeout else timeout)
        if timeout and not ready:
            now += timeout + loop._clock_resolution  # never too early, as on a real clock
        return ready

    loop.time, loop._selector.select = lambda: now, jump
    try:
        yield
    finally:
        del loop.time, loop._selector.select
