"""``petstream reconcile --every``: nobody has to think of it, and nothing that it meets ends it."""

import json
import signal
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import pytest

from deploy.local.pipeline import Worker
from deploy.local.ports import LOOPBACK, free_port
from streams.app.bucket_parts import OPENING_SECONDS
from streams.contracts.topics import IMAGE_UPLOADS_BULK
from tests.backfilling import count, petstream, place, settle
from tests.faults.accounts import small
from tests.proxy import TcpProxy
from tests.world import World, metric

OBJECTS = 100
SWALLOWED = 20
LABELS = 'bucket="{bucket}",prefix=""'


def series(worker: Worker, name: str, world: World, more: str = "") -> float | None:
    try:
        return metric(worker, f"{name}{{{LABELS.format(bucket=world.bucket)}{more}}}")
    except AssertionError:
        return None


def without_outcome(worker: Worker, world: World) -> float | None:
    return series(worker, "petstream_objects_without_outcome", world, ',verdict="missing"')


def test_what_nobody_was_told_of_is_found_and_classified_with_no_human(world: World, chelsea: bytes) -> None:
    cat = small(chelsea)
    keys = [f"uploads/ann/{number:03}.jpg" for number in range(OBJECTS)]
    lost = set(keys[:: OBJECTS // SWALLOWED])
    for key in sorted(lost):
        world.put(key, cat)
    world.stack.objects.sqs.purge_queue(QueueUrl=world.queue_url)  # as if the bucket had never told of them
    for key in sorted(set(keys) - lost):
        world.put(key, cat)
    world.start("bridge", "classify", "sink")
    world.wait_outcomes(*(set(keys) - lost))
    settle(world)
    assert world.outcomes().keys().isdisjoint(lost)

    worker = world.reconcile_every("1s", "--grace", "0")
    assert set(world.wait_outcomes(*keys).values()) == {"cat"}
    world.eventually(lambda: without_outcome(worker, world) == 0)
    named = [line for line in worker.process.log_tail(1000).splitlines() if "object.without_outcome" in line]
    assert {json.loads(line)["url"] for line in named} == {f"s3://{world.bucket}/{key}" for key in lost}
    assert count(world, IMAGE_UPLOADS_BULK) == SWALLOWED  # run after run, and nothing was enqueued twice
    assert metric(worker, 'petstream_reconcile_runs_total{outcome="succeeded"}') >= 2
    assert metric(worker, 'petstream_reconcile_runs_total{outcome="failed"}') == 0
    assert (worker.health() or {})["status"] == "ok"
    assert worker.process.stop(60) == 0


def test_a_run_that_only_looks_tells_what_is_missing_and_since_when(world: World) -> None:
    world.put("old/1.jpg", b"x")
    worker = world.reconcile_every("1s", "--grace", "0", "--dry-run")
    world.eventually(lambda: (series(worker, "petstream_reconcile_last_run_timestamp_seconds", world) or 0) > 0)
    since = series(worker, "petstream_objects_without_outcome_since_timestamp_seconds", world)
    runs = 'petstream_reconcile_runs_total{outcome="succeeded"}'
    world.eventually(lambda: metric(worker, runs) >= 3)
    assert without_outcome(worker, world) == 1
    assert series(worker, "petstream_objects_without_outcome_since_timestamp_seconds", world) == since
    assert series(worker, "petstream_reconcile_period_seconds", world) == 1
    assert count(world, IMAGE_UPLOADS_BULK) == 0


AWAY: Mapping[str, dict[str, str]] = {
    "object_store": {"S3_ENDPOINT_URL": f"http://{LOOPBACK}:PORT"},
    "database": {"DATABASE_PORT": "PORT"},
    "reconcile": {"KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:PORT"},
}


@pytest.mark.parametrize("component", AWAY)
def test_what_does_not_answer_is_told_and_waited_for_and_a_stop_comes_through(
    module_world: World, component: str
) -> None:
    world = module_world
    closed = str(free_port())
    env = {name: value.replace("PORT", closed) for name, value in AWAY[component].items()}
    worker = world.reconcile_every("1s", env={**env, "SHUTDOWN_SECONDS": "2"})
    world.eventually(lambda: metric(worker, f'petstream_degraded{{component="{component}"}}') == 1)
    health = worker.health() or {}
    assert health["status"] == "degraded"
    assert metric(worker, "petstream_live") == 1
    assert series(worker, "petstream_reconcile_last_run_timestamp_seconds", world) is None
    assert worker.process.stop(60, ending=signal.SIGTERM) == 0


@pytest.mark.slow
def test_a_store_that_is_away_for_longer_than_a_person_waits_is_waited_for_and_then_well(module_world: World) -> None:
    world, address = module_world, urlsplit(module_world.stack.environment()["S3_ENDPOINT_URL"])
    assert address.hostname is not None
    assert address.port is not None
    with TcpProxy(LOOPBACK, free_port()) as proxy:
        worker = world.reconcile_every("1s", env={"S3_ENDPOINT_URL": f"http://{proxy.host}:{proxy.port}"})
        world.eventually(lambda: metric(worker, 'petstream_degraded{component="object_store"}') == 1)
        time.sleep(OPENING_SECONDS + 5)
        assert metric(worker, 'petstream_reconcile_runs_total{outcome="failed"}') == 0
        assert worker.health() is not None
        proxy.redirect(address.hostname, address.port)
        world.eventually(lambda: metric(worker, 'petstream_reconcile_runs_total{outcome="succeeded"}') >= 1)
        assert (worker.health() or {})["status"] == "ok"
        worker.process.kill()


def test_a_bucket_that_is_refused_is_tried_again_until_it_is_there(module_world: World) -> None:
    world = module_world
    s3, later = world.stack.objects.s3, f"{world.bucket}-later"
    worker = world.pipeline.start("reconcile", None, [f"s3://{later}/", "--every", "1s", "--grace", "0"])
    world.workers.append(worker)
    worker.wait_ready()
    world.eventually(lambda: (worker.health() or {})["status"] == "degraded")
    (warning,) = (worker.health() or {})["warnings"]
    assert f"There is no bucket {later}" in warning
    assert metric(worker, 'petstream_reconcile_runs_total{outcome="failed"}') >= 1
    s3.create_bucket(Bucket=later)
    world.eventually(lambda: (worker.health() or {})["status"] == "ok")
    world.eventually(lambda: metric(worker, 'petstream_reconcile_runs_total{outcome="succeeded"}') >= 1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--every", "soon"), "write it like 6h"),
        (("--every", "0s"), "--every is 1s to 30d"),
        (("--every", "6h", "--json"), "goes with neither"),
        (("--every", "6h", "--resume", "file"), "goes with neither"),
        (("--every", "6h", "--rate", "0.01"), "at least 0.1"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(module_world: World, options: tuple[str, ...], said: str) -> None:
    done = petstream(module_world, "reconcile", place(module_world), *options)
    assert done.exit_code == 2
    assert said in done.stderr
