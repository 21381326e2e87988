"""
A pipeline of the previous release becomes this one, process by process under load, and goes back.

The order is that of docs/runbook.md, "Upgrading".
"""

import asyncio
import json
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.local.pipeline import Worker
from deploy.local.stack import Stack
from streams.contracts import ImageRejected, Model, encode
from streams.contracts.cloudevents import headers
from streams.contracts.identity import NO_SEQUENCER, image_id
from streams.contracts.topics import (
    IMAGE_CLASSIFICATIONS,
    IMAGE_REJECTIONS,
    PIPELINE_STATUS,
    SINK_GROUP,
    STORAGE_DEAD_LETTERS,
)
from tests.commands import Done, petstream
from tests.deploy.previous_release import PreviousRelease, installed
from tests.deploy.steady_uploads import SteadyUploads
from tests.deploy.typed_subscriber import Subscriber
from tests.faults.accounts import small
from tests.tiny_model import Photographs, write
from tests.world import World, metric, without_tables

SIDE_BY_SIDE: Final = 20
"""Messages that old and new each take while both run."""
CONSUMED: Final = 'petstream_events_consumed_total{topic="image-uploads"}'
BRIDGED: Final = 'petstream_queue_messages_total{outcome="published"}'

KEPT: Final = "uploads/cleo/kept.jpg"
RESULTS: Final = (IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS)
LABELS: Final[dict[str, Any]] = {
    "labels": ["cat", "dog", "neither"],
    "classes": {label: label for label in ("cat", "dog", "neither")},
}


def ran(done: Done) -> None:
    assert done.returncode == 0, done.stdout + done.stderr


def end(world: World, worker: Worker) -> None:
    """Stop a process as an orchestrator does."""
    world.workers.remove(worker)
    assert worker.process.stop(60) == 0, worker.process.log_tail(20)


def both_take(world: World, series: str, *workers: Worker) -> None:
    """Wait until each of them has taken some messages from now on."""
    taken = [metric(worker, series) for worker in workers]
    world.eventually(
        lambda: all(
            metric(worker, series) >= before + SIDE_BY_SIDE for worker, before in zip(workers, taken, strict=True)
        )
    )


async def publish_failed(world: World) -> None:
    """A rejection as only this release writes it: its reason is unknown to the previous one."""
    key, now = "uploads/ann/failed.jpg", datetime.now(UTC)
    event = ImageRejected(
        id=image_id(world.bucket, key),
        user_name="ann",
        image_url=f"s3://{world.bucket}/{key}",
        bucket=world.bucket,
        key=key,
        version_id=None,
        etag=None,
        sequencer=NO_SEQUENCER,
        reason="failed",
        detail="for the test",
        uploaded_at=now,
        rejected_at=now,
        model=Model(name="m", version="1", rev=1, sha256="0" * 64),
        upload_event=b"{}",
    )
    await world.publish(encode(event), topic=IMAGE_REJECTIONS, headers=headers(event, []), key=key.encode())


def park(world: World, picture: bytes, env: Mapping[str, str]) -> str:
    """An upload waits on a retry topic, and its object comes meanwhile. Returns its bucket, which tells no queue."""
    archive = world.bucket + "-archive"
    world.stack.objects.s3.create_bucket(Bucket=archive)
    asyncio.run(world.publish(world.notification(KEPT).replace(world.bucket.encode(), archive.encode())))
    world.eventually(lambda: KEPT in petstream("retries", "list", "--json", **env).stdout)
    world.stack.objects.s3.put_object(Bucket=archive, Key=KEPT, Body=picture)
    return archive


def settle(world: World, load: SteadyUploads) -> None:
    """Wait until each upload has its outcome; then nothing may be stored twice, left over or refused."""
    expected = load.expected | {"uploads/ann/failed.jpg": "failed"}

    def wrong() -> dict[str, tuple[str, str | None]]:
        found = world.outcomes()
        return {key: (right, found.get(key)) for key, right in expected.items() if found.get(key) != right}

    world.eventually(
        lambda: not wrong(), says=lambda: f"{len(wrong())} of {len(expected)}, such as {list(wrong().items())[:5]}"
    )
    assert len(world.rows("SELECT 1 FROM image_outcomes")) == len(expected)
    assert world.left_in_queue() == 0
    assert asyncio.run(world.events(STORAGE_DEAD_LETTERS)) == []


def wait_stored(world: World) -> None:
    """Wait until the sink has stored everything that is on its topics now."""
    ends = {topic: Counter(each.partition for each in asyncio.run(world.events(topic))) for topic in RESULTS}

    def stored() -> bool:
        return all(
            asyncio.run(world.committed(SINK_GROUP, topic)).get(partition, 0) >= number
            for topic, partitions in ends.items()
            for partition, number in partitions.items()
        )

    world.eventually(stored)


@pytest.fixture(scope="module")
def previous() -> Iterator[PreviousRelease]:
    with installed() as release:
        yield release


@pytest.fixture
def world(stack: Stack, quick_model: Path) -> Iterator[World]:
    """A world that no release has been in yet."""
    made = without_tables(stack, f"upgrade-{uuid.uuid4().hex[:8]}", quick_model)
    yield made
    made.stop()


@pytest.fixture
def load(world: World, chelsea: bytes, coffee: bytes) -> SteadyUploads:
    return SteadyUploads(world, {"cat": small(chelsea), "not_a_pet": coffee, "unsupported_format": b"text"})


@pytest.fixture
def subscribe(world: World, tmp_path: Path) -> Iterator[Callable[..., Subscriber]]:
    """Starts subscribers with a release's Python; they end with the test."""
    started: list[Subscriber] = []

    def start(python: Path | str, name: str, *topics: str) -> Subscriber:
        started.append(Subscriber.start(world, python, name, *topics, cwd=tmp_path))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()


@pytest.mark.slow  # installs the previous release, and runs both, one after the other and side by side
@pytest.mark.timeout(1800)
def test_a_pipeline_is_upgraded_under_load_and_put_back_and_every_upload_has_its_outcome(
    world: World,
    previous: PreviousRelease,
    load: SteadyUploads,
    subscribe: Callable[..., Subscriber],
    tmp_path: Path,
) -> None:
    env = world.stack.environment() | dict(world.env) | {"KAFKA_PARTITIONS": "3", "KAFKA_REPLICATION_FACTOR": "1"}
    previous_model = str(write(tmp_path / "previous.pt", Photographs(), **LABELS))

    # --- the previous release
    for words in (("topics", "create"), ("migrate", "up")):
        ran(previous.run(*words, env=env))
    assert world.rows("SELECT max(migration_id) AS last FROM _yoyo_migration")[0]["last"].startswith("0011")
    old_sink, old_bridge = previous.start(world, "sink"), previous.start(world, "bridge")
    old_classifier = previous.start(world, "classify", MODEL_URI=previous_model)
    results = subscribe(previous.python, "results", *RESULTS)
    statuses = subscribe(previous.python, "statuses", PIPELINE_STATUS)

    # --- up
    with load.running():
        world.eventually(lambda: len(world.outcomes()) > SIDE_BY_SIDE)
        ran(petstream("topics", "create", **env))
        ran(petstream("topics", "check", **env))
        end(world, old_sink)
        ran(petstream("migrate", "up", **env))
        (sink,) = world.start("sink")
        (classifier,) = world.start("classify", env={"RETRY_DELAYS": "600,600,600"})
        both_take(world, CONSUMED, old_classifier, classifier)
        end(world, old_classifier)
        (bridge,) = world.start("bridge")
        both_take(world, BRIDGED, old_bridge, bridge)
        end(world, old_bridge)
        asyncio.run(publish_failed(world))
    settle(world, load)
    world.eventually(lambda: petstream("check", **env).returncode == 0)  # it gives up soon on a busy machine
    ran(petstream("reconcile", f"s3://{world.bucket}/", "--grace", "0", **env))
    subscriber_of_now = subscribe(sys.executable, "results-now", *RESULTS)
    world.eventually(lambda: load.ids() <= results.ids() & subscriber_of_now.ids())
    assert [each["body"]["reason"] for each in results.printed("BAD")] == ["failed"]
    assert subscriber_of_now.printed("BAD") == []

    # --- down, with an upload that waits on a topic that the previous release does not read
    archive = park(world, load.pictures["cat"], env)
    with load.running():
        old_bridge = previous.start(world, "bridge")
        both_take(world, BRIDGED, bridge, old_bridge)
        end(world, bridge)
        old_classifier = previous.start(world, "classify", MODEL_URI=previous_model)
        both_take(world, CONSUMED, classifier, old_classifier)
        end(world, classifier)
        wait_stored(world)
        end(world, sink)
        ran(petstream("migrate", "down", "--to", "0011", "--yes", **env))
        previous.start(world, "sink")
        reconciled = previous.run("reconcile", f"s3://{archive}/", "--enqueue", "--grace", "0", "--json", env=env)
        assert json.loads(reconciled.stdout.splitlines()[-1])["enqueued"] == 1, reconciled
    load.expected[KEPT] = "cat"
    # The rollback takes zeros off the ends of sequencers, so an older row of the other table may be the current one.
    previous.run("reconcile", f"s3://{world.bucket}/", "--enqueue", "--grace", "0", env=env)
    settle(world, load)
    world.eventually(lambda: load.ids() - {str(image_id(world.bucket, KEPT))} <= results.ids())

    # --- all the time
    assert {each["body"]["component"] for each in statuses.printed("GOT")} == {"storage"}
    assert statuses.printed("BAD") == []
