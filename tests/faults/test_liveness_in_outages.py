"""
A worker that waits for a dependency lives, however long: an outage restarts nothing. See liveness.py.

The database's outages are in test_database_outages.py, Kafka's in test_broker_outages.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.pipeline import Worker
from tests import sabotage
from tests.faults.accounts import small
from tests.faults.liveness import live_for
from tests.proxy import TcpProxy
from tests.sabotage import Sabotage
from tests.world import World, metric

BOUND_SECONDS = {"clients that give up after 3 s": 8, "clients as they are": 40}


@pytest.fixture(
    params=["clients that give up after 3 s", pytest.param("clients as they are", marks=pytest.mark.slow)],
)
def bound_seconds(request: pytest.FixtureRequest) -> int:
    return BOUND_SECONDS[request.param]


@pytest.fixture
def frozen(world: World, tmp_path: Path, bound_seconds: int) -> Iterator[tuple[TcpProxy, Worker]]:
    """A classifier, and the proxy before its store."""
    host, _, port = str(world.stack.objects.endpoint_url).removeprefix("http://").rpartition(":")
    quick = Sabotage(tmp_path, sabotage.QUICK_STORE).env if bound_seconds < 30 else {}
    with TcpProxy(host, int(port)) as proxy:
        env = {"NO_PROGRESS_SECONDS": str(bound_seconds), "S3_ENDPOINT_URL": f"http://{proxy.host}:{proxy.port}"}
        (worker,) = world.start("classify", env={**env, **quick}, wait=False)
        world.start("bridge", "sink", wait=False)
        worker.wait_ready()
        yield proxy, worker
        world.stop()


def test_a_store_that_hears_and_never_answers_becomes_an_outage_and_restarts_nothing(
    world: World, chelsea: bytes, frozen: tuple[TcpProxy, Worker], bound_seconds: int
) -> None:
    proxy, worker = frozen
    proxy.freeze()
    # Read by obstore, and by boto3; as many as it takes to know that it is the store, and not one object.
    keys = [f"uploads/ann{slash}{number}.jpg" for slash in ("/", "//") for number in range(6)]
    for key in keys:
        world.put(key, small(chelsea))

    world.eventually(lambda: "object_store is away" in str((worker.health() or {}).get("warnings")))
    live_for(2 * bound_seconds, worker)
    assert metric(worker, 'petstream_retries_total{component="object_store"}') >= 2  # each client gave up by itself
    assert "object_store is away" in str((worker.health() or {}).get("warnings"))
    proxy.cut()
    proxy.thaw()
    assert world.wait_outcomes(*keys) == dict.fromkeys(keys, "cat")
