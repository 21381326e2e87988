"""What petstream enqueues itself is read by the same classifiers, after live uploads and beside them."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.local.pipeline import Worker
from streams.consumer.live_first import BulkLimit
from tests import sabotage
from tests.backfilling import petstream, place
from tests.sabotage import Sabotage
from tests.world import World, metric

BACKFILLED = 300
DECODERS = 1  # of a world's classifier


def taken(worker: Worker, topic: str) -> float:
    return metric(worker, f'petstream_events_consumed_total{{topic="{topic}"}}')


async def decided(world: World) -> Sequence[str]:
    """The keys of all results, in the order in which Kafka got them."""
    found = await world.events("image-classifications")
    return [message.key.decode().partition("/")[2] for message in sorted(found, key=lambda each: each.timestamp)]


def test_a_live_upload_is_decided_before_what_was_backfilled(world: World, chelsea: bytes, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: world.put(f"uploads/ann/{number}.png", chelsea), range(BACKFILLED)))
    frozen = Sabotage(tmp_path, sabotage.ENGINE, sabotage.QUICK_LOOKS)
    frozen.do(sabotage.ENGINE)
    (worker,) = world.start("classify", env=frozen.env)
    done = petstream(world, "backfill", place(world), "--rate", "0")
    assert done.exit_code == 0, done.output
    alone = BulkLimit.of(DECODERS, 128).alone
    world.eventually(lambda: taken(worker, "image-uploads-bulk") == alone)
    world.put("uploads/ben/live.png", chelsea)
    asyncio.run(world.publish(world.notification("uploads/ben/live.png")))
    world.eventually(lambda: taken(worker, "image-uploads") == 1)
    # Before the engine goes on: else one that is taken then may be decoded sooner.
    world.eventually(lambda: metric(worker, "petstream_decode_duration_seconds_count") == alone + 1)
    assert taken(worker, "image-uploads-bulk") == alone, "the others stay in Kafka"
    frozen.mend(sabotage.ENGINE)
    world.eventually(lambda: metric(worker, 'petstream_classifications_total{label="cat"}') >= 3 * alone)
    assert asyncio.run(decided(world)).index("uploads/ben/live.png") <= alone, "only what was in flight is before it"
