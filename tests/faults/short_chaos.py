"""A short chaos run: everything at once, from a seed; each version has its own outcome and each object its newest."""

from collections.abc import Collection
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
OBJECTS: Final = 150
SHOWN_ELSEWHERE: Final = "kafka loses a leader"
"""One broker alone has no leader to lose: test_leader_loss.py has three."""


async def short_run(world: World, model: Path, of: Collection[Fault]) -> Report:
    """Each of these kinds of faults once, and each process killed, while pictures arrive; all must hold."""
    objects = list(uploads(SEED, OBJECTS, contents(model, photographs=False)))
    drawn = [kind for kind in of if kind != SHOWN_ELSEWHERE]
    count = len(drawn) + len(KILLS)
    plan = schedule(SEED, faults=count, kills=len(KILLS), pause_seconds=1.2, scale=0.2, of=drawn)
    report = await Chaos(world, SEED, print).run(objects, plan)  # pytest shows it if what follows fails
    Console(width=120).print(report.table())
    assert report.holds, "\n".join(report.lines())
    assert report.tables.uploaded == OBJECTS
    assert report.tables.versions == len(objects) > OBJECTS
    assert set(report.not_drawn) == KINDS.keys() - set(drawn)
    return report
