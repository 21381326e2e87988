"""The last of four short chaos runs: objects that are never served, and hostile messages. See test_chaos.py."""

from pathlib import Path

import pytest

from tests.chaos.faults import SHORT_RUNS
from tests.faults.short_chaos import short_run
from tests.faults.test_chaos_poison import BOUNDS
from tests.world import World


@pytest.mark.durable
async def test_objects_and_messages_that_nobody_can_serve_block_nobody(world: World, quick_model: Path) -> None:
    report = await short_run(world, quick_model, SHORT_RUNS[3], BOUNDS)
    assert report.tables.outcomes["unavailable"] >= 10
    assert report.tables.outcomes["malformed_event"] >= 3
