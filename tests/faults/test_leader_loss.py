"""Three brokers, of which one leads and dies under load, and comes back. Two confirm every message: nothing is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.errors import PartUnavailable
from deploy.local.kafka import ApacheKafka
from deploy.local.stack import Stack
from tests.chaos.contents import contents
from tests.chaos.faults import Planned
from tests.chaos.plan import uploads
from tests.chaos.run import Chaos
from tests.world import World, create


@pytest.fixture
def clustered(quick_model: Path) -> Iterator[World]:
    three = Stack(kafka_nodes=3)
    try:
        three.start()
    except PartUnavailable as missing:
        pytest.skip(str(missing))
    try:
        if not isinstance(three.kafka, ApacheKafka):
            pytest.skip(f"needs three brokers of its own, and there is {three.kafka.kind}")
        made = create(three, "leaders", quick_model, template=None)
        yield made
        made.stop()
    finally:
        three.stop()


@pytest.mark.durable
@pytest.mark.parametrize("losses", [1, pytest.param(3, marks=pytest.mark.slow)])
async def test_leaders_that_die_under_load_lose_and_double_nothing(
    clustered: World, quick_model: Path, losses: int
) -> None:
    plan = [Planned("kafka loses a leader", at, 3, seed) for seed, at in enumerate((2.0, 3.0, 4.0)[:losses])]
    report = await Chaos(clustered, 5).run(list(uploads(5, 100, contents(quick_model, photographs=False))), plan)
    assert report.holds, "\n".join(report.lines())
    assert report.faults == {"kafka loses a leader": losses}
    assert report.ended == []
