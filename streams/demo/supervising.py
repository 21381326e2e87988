"""What of the demo ends by itself is started again, told in one line; never more often than the pauses allow."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from deploy.local.errors import LocalPartError
from deploy.local.processes import ChildProcess

LOOK_SECONDS: Final = 0.2
SOUND_SECONDS: Final = 60.0
"""Who has run for so long may end again without a pause."""
LONGEST_PAUSE_SECONDS: Final = 30.0

Tell = Callable[[str, str, str], None]
"""A name, a state in one word, and a sentence."""


@dataclass(frozen=True, slots=True)
class Kept:
    """
    Something that the demo started. ``processes`` are its processes now; ``start`` starts those that ended.

    ``forgets`` says what is lost with a process that is killed.
    """

    name: str
    processes: Callable[[], Sequence[ChildProcess]]
    start: Callable[[], Awaitable[None]]
    forgets: str = ""


async def keep_running(kept: Sequence[Kept], tell: Tell) -> None:
    """Watch over them, for ever."""
    async with asyncio.TaskGroup() as group:
        for each in kept:
            group.create_task(_keep(each, tell))


async def _keep(each: Kept, tell: Tell) -> None:
    failures, started_at = 0, time.monotonic()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        ended = [status for process in each.processes() if (status := process.poll()) is not None]
        if not ended:
            continue
        if time.monotonic() - started_at > SOUND_SECONDS:
            failures = 0
        seconds = pause(failures)
        later = f" in {seconds:.0f} s" if seconds else ""
        lost = f"; {each.forgets}" if each.forgets else ""
        tell(each.name, "ended", f"{_ending(ended[0])}: it is started again{later}{lost}")
        await asyncio.sleep(seconds)
        failures, started_at = failures + 1, time.monotonic()
        try:
            await each.start()
        except (LocalPartError, OSError) as error:
            tell(each.name, "failed", str(error).partition("\n")[0])


def pause(failures: int) -> float:
    """How many seconds to wait before another start, after so many that did not last. None before the first."""
    return 0.0 if failures == 0 else min(LONGEST_PAUSE_SECONDS, 2.0 ** min(failures, 10))


def _ending(status: int) -> str:
    return f"killed by signal {-status}" if status < 0 else f"status {status}"
