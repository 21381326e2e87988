"""A large bucket whose notifications were lost for a twentieth of it: how long until nobody has to think of it."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import psycopg
import pytest

from streams.contracts.identity import NO_SEQUENCER, image_id, image_url
from streams.contracts.topics import IMAGE_UPLOADS_BULK
from tests.backfilling import count
from tests.faults.accounts import small
from tests.world import World, metric

OBJECTS = 20_000
SWALLOWED = 1_000
COLUMNS = (
    "id, user_name, image_url, classification, confidence, processing_time, timestamp, "
    "source_bucket, source_key, source_sequencer, source_etag, model_rev"
)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_thousand_swallowed_notifications_of_twenty_thousand_are_found_and_classified(
    world: World, chelsea: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    cat = small(chelsea)
    keys = [f"outside/{number:05}.jpg" for number in range(OBJECTS)]  # the bucket tells nobody of these
    with ThreadPoolExecutor(8) as putting:
        list(putting.map(lambda key: world.put(key, cat, **{"user-name": "ann"}), keys))
    etag = world.stack.objects.s3.head_object(Bucket=world.bucket, Key=keys[0])["ETag"].strip('"')
    swallowed = keys[:: OBJECTS // SWALLOWED]
    store(world, sorted(set(keys) - set(swallowed)), etag)
    world.start("classify", "sink")

    began = time.monotonic()
    worker = world.reconcile_every("10s", "--grace", "0", "--rate", "0")
    found = f'petstream_objects_without_outcome{{bucket="{world.bucket}",prefix="",verdict="missing"}}'
    world.eventually(lambda: found in worker.metrics(), 300)
    assert metric(worker, found) == SWALLOWED
    compared_seconds = time.monotonic() - began
    world.wait_outcomes(*swallowed, within_seconds=600)
    classified_seconds = time.monotonic() - began
    world.eventually(lambda: metric(worker, found) == 0)
    assert count(world, IMAGE_UPLOADS_BULK) == SWALLOWED  # none of them twice, whatever waited when the next run came
    assert len(world.outcomes()) == OBJECTS
    with capsys.disabled():
        sys.stdout.write(
            f"\n{OBJECTS:,} objects compared and {SWALLOWED:,} enqueued after {compared_seconds:.1f} s; "
            f"all classified and stored after {classified_seconds:.1f} s\n"
        )


def store(world: World, keys: list[str], etag: str) -> None:
    """Outcomes of these objects, straight into the table."""
    with (
        psycopg.connect(world.dsn) as connection,
        connection.cursor().copy(f"COPY classification_records ({COLUMNS}) FROM STDIN".encode()) as rows,
    ):
        for key in keys:
            identity = image_id(world.bucket, key), "ann", image_url(world.bucket, key)
            source = world.bucket, key, NO_SEQUENCER, etag, 1
            rows.write_row((*identity, "cat", 0.9, 5, datetime.now(UTC), *source))
