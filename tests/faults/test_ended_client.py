"""A Kafka client whose own tasks have ended fetches nothing any more: the process ends at once, and begins again."""

from pathlib import Path

import pytest

from streams import contracts
from tests import sabotage
from tests.sabotage import Sabotage
from tests.sinking import classified, key_of
from tests.world import World


@pytest.mark.parametrize(
    "part", [sabotage.FETCH, sabotage.POSITIONS], ids=["at work", "before it knows where to begin"]
)
async def test_a_sink_whose_client_gave_up_fetching_ends_and_what_came_is_stored_by_the_next(
    world: World, tmp_path: Path, part: str
) -> None:
    mistaken = Sabotage(tmp_path, part)
    if part == sabotage.POSITIONS:
        mistaken.do()
    (sink,) = world.start("sink", env=mistaken.env, wait=part == sabotage.FETCH)
    mistaken.do()
    await world.publish(contracts.encode(classified(world.bucket, key_of(0))), topic="image-classifications")
    assert sink.process.wait(150) not in (0, None)
    assert "ClientEndedError" in sink.process.log_tail(200)
    world.workers.remove(sink)
    world.start("sink", wait=False)
    assert world.wait_outcomes(key_of(0)) == {key_of(0): "cat"}
