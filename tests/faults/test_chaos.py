"""The short chaos run: everything at once, from a seed; each version has its own outcome and each object its newest."""

from pathlib import Path

import pytest
from rich.console import Console

from tests.chaos.contents import contents
from tests.chaos.faults import KINDS, schedule
from tests.chaos.plan import uploads
from tests.chaos.run import Chaos
from tests.world import World

SEED = 7


@pytest.mark.durable
@pytest.mark.timeout(600)
async def test_nothing_is_lost_wrong_blamed_or_doubled_whatever_breaks(world: World, quick_model: Path) -> None:
    objects = list(uploads(SEED, 300, contents(quick_model)))
    plan = schedule(SEED, faults=25, kills=6, pause_seconds=2.5, nodes=1, scale=0.4)
    report = await Chaos(world, SEED, print).run(objects, plan)  # pytest shows it if what follows fails
    Console(width=120).print(report.table())
    assert report.holds, "\n".join(report.lines())
    assert report.tables.uploaded == 300
    assert report.tables.versions == len(objects) > 300
    assert report.faults.keys() == KINDS.keys() - {"kafka loses a leader"}
    assert sum(report.kills.values()) >= 6
