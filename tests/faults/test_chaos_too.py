"""The second of four short chaos runs. See test_chaos.py."""

from pathlib import Path

import pytest

from tests.chaos.faults import SHORT_RUNS
from tests.faults.short_chaos import short_run
from tests.world import World


@pytest.mark.durable
async def test_nothing_is_lost_wrong_blamed_or_doubled_whatever_else_breaks(world: World, quick_model: Path) -> None:
    await short_run(world, quick_model, SHORT_RUNS[1])
