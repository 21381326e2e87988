"""The first of four short chaos runs, with test_chaos_too, _poison and _hostile. Files run at the same time."""

from pathlib import Path

import pytest

from tests.chaos.faults import SHORT_RUNS
from tests.faults.short_chaos import short_run
from tests.world import World


@pytest.mark.durable
async def test_nothing_is_lost_wrong_blamed_or_doubled_whatever_breaks(world: World, quick_model: Path) -> None:
    await short_run(world, quick_model, SHORT_RUNS[0])
