"""
Liveness tells the truth: a worker that has work and gets none done fails it within its bound; one that waits does not.

Bounds are set short here; a test waits a multiple of them, so that a busy machine fails nothing.
"""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.pipeline import Worker
from streams import settings
from tests import sabotage
from tests.chaos.plan import pictures
from tests.proxy import TcpProxy
from tests.sabotage import Sabotage
from tests.world import World, metric

BOUND_SECONDS = 6
BOUNDS = {"NO_PROGRESS_SECONDS": str(BOUND_SECONDS), "LOOP_SILENCE_SECONDS": str(BOUND_SECONDS)}


@pytest.fixture(scope="module")
def cat(chelsea: bytes, coffee: bytes) -> bytes:
    return pictures(chelsea, coffee)[0][0]


def failures(worker: Worker) -> str:
    """Why the worker fails its liveness; nothing if it lives."""
    said = worker.health() or {}
    return str(said["warnings"]) if said.get("status") == "failing" else ""


def lives_for(worker: Worker, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert failures(worker) == ""
        time.sleep(0.5)


def start_sabotaged(world: World, tmp_path: Path, what: str) -> tuple[Sabotage, Worker]:
    broken = Sabotage(tmp_path, what)
    (worker,) = world.start("classify", env={**BOUNDS, **broken.env})
    world.start("bridge", "sink")
    return broken, worker


@pytest.mark.parametrize(
    ("part", "says"),
    [
        (sabotage.ENGINE, "in flight"),
        (sabotage.EVENT_LOOP, "event loop has not turned"),
        (sabotage.FETCHER, "waiting"),
    ],
    ids=["frozen engine", "blocked event loop", "partitions that bring nothing"],
)
def test_a_worker_that_has_work_and_gets_none_done_fails_until_it_does(
    world: World, cat: bytes, tmp_path: Path, part: str, says: str
) -> None:
    broken, worker = start_sabotaged(world, tmp_path, part)
    world.put("uploads/ann/before.jpg", cat)
    world.wait_outcomes("uploads/ann/before.jpg")
    broken.do()
    lives_for(worker, BOUND_SECONDS)  # idle is not stuck
    world.put("uploads/ann/during.jpg", cat)
    world.eventually(lambda: says in failures(worker), 8 * BOUND_SECONDS)
    broken.mend()
    assert world.wait_outcomes("uploads/ann/during.jpg")["uploads/ann/during.jpg"] == "cat"
    world.eventually(lambda: failures(worker) == "")


def test_a_worker_whose_partitions_were_taken_away_and_never_given_back_fails(world: World, tmp_path: Path) -> None:
    broken, worker = start_sabotaged(world, tmp_path, sabotage.MEMBERSHIP)
    broken.do()
    (second,) = world.start("classify", wait=False)  # its joining takes the partitions from all
    world.eventually(lambda: "no partitions" in failures(worker), 60)
    assert second.process.stop(30) == 0  # also while it joins
    broken.mend()
    world.eventually(lambda: failures(worker) == "")


@pytest.fixture
def frozen_store(world: World) -> Iterator[tuple[TcpProxy, str]]:
    host, _, port = str(world.stack.objects.endpoint_url).removeprefix("http://").rpartition(":")
    with TcpProxy(host, int(port)) as proxy:
        yield proxy, f"http://{proxy.host}:{proxy.port}"


def test_a_store_that_hears_and_never_answers_becomes_an_outage_and_restarts_nothing(
    world: World, cat: bytes, frozen_store: tuple[TcpProxy, str]
) -> None:
    proxy, url = frozen_store
    (worker,) = world.start("classify", env={"NO_PROGRESS_SECONDS": "40", "S3_ENDPOINT_URL": url})
    world.start("bridge", "sink")
    proxy.freeze()
    keys = ["uploads/ann/x.jpg", "uploads/ann//x.jpg"]  # read by obstore, and by boto3
    for key in keys:
        world.put(key, cat)
    world.eventually(lambda: "object_store is away" in str((worker.health() or {}).get("warnings")), 38)
    lives_for(worker, 20)
    assert metric(worker, 'petstream_retries_total{component="object_store"}') >= 2  # each client gave up by itself
    proxy.cut()
    proxy.thaw()
    assert world.wait_outcomes(*keys) == dict.fromkeys(keys, "cat")


def test_a_worker_that_waits_for_its_database_lives(world: World, cat: bytes) -> None:
    _, _, sink = world.start("bridge", "classify", "sink", env=BOUNDS)
    world.put("uploads/ann/before.jpg", cat)
    world.wait_outcomes("uploads/ann/before.jpg")
    world.stack.postgres.stop()
    try:
        world.put("uploads/ann/during.jpg", cat)
        world.eventually(lambda: metric(sink, "petstream_events_in_flight") == 1)
        lives_for(sink, 3 * BOUND_SECONDS)
    finally:
        world.stack.postgres.start()
    world.wait_outcomes("uploads/ann/during.jpg")


@pytest.mark.durable
def test_workers_that_wait_for_kafka_live(world: World, cat: bytes) -> None:
    # A producer gives a request up after 30 s; only then it is known that the broker is away.
    workers = world.start("bridge", "classify", "sink", env={"NO_PROGRESS_SECONDS": "40"})
    world.put("uploads/ann/before.jpg", cat)
    world.wait_outcomes("uploads/ann/before.jpg")
    world.stack.kafka.kill()
    try:
        world.put("uploads/ann/during.jpg", cat)
        until = time.monotonic() + 50
        while time.monotonic() < until:
            for worker in workers:
                lives_for(worker, 0.5)
        assert "kafka is away" in str((workers[0].health() or {}).get("warnings"))
    finally:
        world.stack.kafka.start()
    world.wait_outcomes("uploads/ann/during.jpg")


async def test_a_stop_in_the_middle_of_a_frozen_engine_ends_within_its_bound_and_commits_nothing_unfinished(
    world: World, cat: bytes, tmp_path: Path
) -> None:
    broken = Sabotage(tmp_path, sabotage.ENGINE)
    (worker,) = world.start("classify", env={**broken.env, "SHUTDOWN_SECONDS": "3"})
    await world.publish(*(world.notification(f"uploads/ann/{i}.jpg") for i in range(3)))
    for i in range(6):
        world.put(f"uploads/ann/{i}.jpg", cat)

    async def published() -> int:
        return len(await world.events("image-classifications"))

    while await published() < 3:  # bounded by the test's own time-out
        await asyncio.sleep(0.2)
    broken.do()
    await world.publish(*(world.notification(f"uploads/ann/{i}.jpg") for i in range(3, 6)))
    world.eventually(lambda: metric(worker, "petstream_events_in_flight") >= 1)
    began = time.monotonic()
    await asyncio.to_thread(worker.process.stop, 40)
    assert time.monotonic() - began < 30  # 3 s to settle, 10 to leave; the rest is a busy machine's
    world.workers.remove(worker)
    assert sum((await world.committed("petstream-classifier", "image-uploads")).values()) == await published() == 3
    broken.mend()
    world.start("classify", "sink")
    keys = [f"uploads/ann/{i}.jpg" for i in range(6)]
    assert world.wait_outcomes(*keys) == dict.fromkeys(keys, "cat")


def test_the_bounds_are_settings_with_documented_defaults() -> None:
    fields = settings.ServiceSettings.model_fields
    assert (fields["no_progress_seconds"].default, fields["loop_silence_seconds"].default) == (180, 30)
