"""Restarts the demo's processes when they end, with growing pauses, and reports each restart."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from deploy.local.errors import LocalPartError
from deploy.local.processes import ChildProcess
from streams.runtime.error_text import error_text

POLL_SECONDS: Final = 0.2
STABLE_SECONDS: Final = 60.0
"""After running this long, a process is restarted without a pause."""
LONGEST_PAUSE_SECONDS: Final = 30.0

Report = Callable[[str, str, str], None]
"""Called with a name, a state (one word) and a sentence."""


@dataclass(frozen=True, slots=True)
class Supervised:
    """
    A part of the demo. ``processes`` gives its current processes; ``start`` starts those that ended.

    ``loses`` says what data is lost when a process is killed.
    """

    name: str
    processes: Callable[[], Sequence[ChildProcess]]
    start: Callable[[], Awaitable[None]]
    loses: str = ""


async def keep_running(parts: Sequence[Supervised], report: Report) -> None:
    """Restart the processes that end, until cancelled."""
    async with asyncio.TaskGroup() as group:
        for each in parts:
            group.create_task(_keep(each, report))


async def _keep(each: Supervised, report: Report) -> None:
    failures, started_at = 0, time.monotonic()
    while True:
        await asyncio.sleep(POLL_SECONDS)
        ended = [status for process in each.processes() if (status := process.poll()) is not None]
        if not ended:
            continue
        if time.monotonic() - started_at > STABLE_SECONDS:
            failures = 0
        seconds = pause(failures)
        later = f" in {seconds:.0f} s" if seconds else ""
        lost = f"; {each.loses}" if each.loses else ""
        report(each.name, "ended", f"{_ending(ended[0])}: restarting{later}{lost}")
        await asyncio.sleep(seconds)
        failures, started_at = failures + 1, time.monotonic()
        try:
            await each.start()
        except (LocalPartError, OSError) as error:
            report(each.name, "failed", error_text(error))


def pause(failures: int) -> float:
    """Seconds to wait before the next start, after this many restarts in a row; 0 before the first."""
    return 0.0 if failures == 0 else min(LONGEST_PAUSE_SECONDS, 2.0 ** min(failures, 10))


def _ending(status: int) -> str:
    return f"killed by signal {-status}" if status < 0 else f"status {status}"
