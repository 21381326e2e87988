"""A short chaos run: everything at once, from a seed; each version has its own outcome and each object its newest."""

import sys
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from tests.chaos.contents import contents
from tests.chaos.faults import KILLS, KINDS, Fault, schedule
from tests.chaos.plan import uploads
from tests.chaos.report import Report
from tests.chaos.run import Chaos
from tests.world import World

SEED: Final = 7
SHOWN_ELSEWHERE: Final = "kafka loses a leader"
"""One broker alone has no leader to lose: test_leader_loss.py has three."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """
    Of one run.

    Attributes:
        scale: of the seconds that faults last.
        window_seconds: how long an object that is not served is tried again. Longer than the store is ever away.
    """

    objects: int = 150
    kills: int = len(KILLS)
    scale: float = 0.2
    pause_seconds: float = 1.2
    delays: tuple[float, float, float] = (3, 4, 4)
    window_seconds: float = 600


async def short_run(world: World, model: Path, of: Collection[Fault], bounds: Bounds = Bounds()) -> Report:
    """Each of these kinds of faults once, and processes killed, while pictures arrive; all must hold."""
    objects = list(uploads(SEED, bounds.objects, contents(model, photographs=False)))
    drawn = [kind for kind in of if kind != SHOWN_ELSEWHERE]
    count = sum(not KINDS[kind].always for kind in drawn) + bounds.kills
    plan = schedule(
        SEED, faults=count, kills=bounds.kills, pause_seconds=bounds.pause_seconds, scale=bounds.scale, of=drawn
    )
    began = time.monotonic()

    def print_line(line: str) -> None:  # pytest shows it if what follows fails
        sys.stdout.write(f"{time.monotonic() - began:7.1f} s  {line}\n")

    chaos = Chaos(world, SEED, print_line, delays=bounds.delays, window_seconds=bounds.window_seconds, queue=30)
    report = await chaos.run(objects, plan)
    Console(width=120).print(report.table())
    assert report.holds, "\n".join(report.lines())
    assert report.tables.uploaded >= bounds.objects
    assert report.tables.versions >= len(objects) > bounds.objects
    assert set(report.not_drawn) - set(KILLS) == KINDS.keys() - set(drawn)
    assert sum(report.kills.values()) >= bounds.kills
    return report
