"""The chaos runs from several seeds, each with every kind of fault more than once: before a release."""

from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from deploy.local.stack import Stack
from tests.chaos.contents import contents
from tests.chaos.faults import schedule
from tests.chaos.plan import uploads
from tests.chaos.run import Chaos
from tests.faults.short_chaos import SHOWN_ELSEWHERE
from tests.world import create

OBJECTS = 600
CHAOS = partial(Chaos, crowd=150, delays=(8, 16, 16), window_seconds=52)


@pytest.mark.slow
@pytest.mark.durable
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [7, 11, 13])
async def test_nothing_is_lost_wrong_blamed_or_doubled_whatever_breaks_at_length(
    stack: Stack, migrated: str, topic_prefix: str, model_file: Path, seed: int
) -> None:
    world = create(stack, topic_prefix.rstrip("."), model_file, template=migrated)
    objects = list(uploads(seed, OBJECTS, contents(model_file)))
    plan = schedule(seed, faults=40, kills=12, pause_seconds=2.5, scale=0.4)
    report = await CHAOS(world, seed, print).run(objects, plan)  # pytest shows it if what follows fails
    Console(width=120).print(report.table())
    assert report.holds, "\n".join(report.lines())
    assert report.tables.uploaded >= OBJECTS
    assert report.tables.versions >= len(objects) > OBJECTS
    assert report.not_drawn == [SHOWN_ELSEWHERE]
    assert sum(report.kills.values()) >= 12
