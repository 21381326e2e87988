"""The third of four short chaos runs: processes freeze, uploads and objects are taken away. See test_chaos.py."""

from pathlib import Path

import pytest

from tests.chaos.faults import SHORT_RUNS
from tests.faults.short_chaos import Bounds, short_run
from tests.world import World

BOUNDS = Bounds(objects=100, kills=1, scale=0.1, pause_seconds=0.8, delays=(2, 3, 3), window_seconds=5)
"""The store is never away here: what it does not serve may soon be given up. Retention has a classifier killed."""


@pytest.mark.durable
async def test_nothing_is_lost_wrong_blamed_doubled_or_blocked_whatever_is_uploaded_and_sent(
    world: World, quick_model: Path
) -> None:
    report = await short_run(world, quick_model, SHORT_RUNS[2], BOUNDS)
    assert report.tables.outcomes["missing"] >= 10
    assert report.taken
