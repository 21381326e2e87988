"""The queue does what SQS reserves the right to do: a message twice, messages out of order, errors for a while."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.chaos.plan import pictures
from tests.http_faults import Answers, HttpFaults
from tests.sqs_faults import OutOfOrder, PartlyFails, Twice
from tests.world import World


@dataclass
class Faulty:
    """A pipeline whose bridge reaches its queue through a proxy."""

    world: World
    queue: HttpFaults
    cat: bytes
    dog_like: bytes


@pytest.fixture(scope="module")
def faulty(module_world: World, chelsea: bytes, coffee: bytes) -> Iterator[Faulty]:
    endpoint = module_world.stack.objects.endpoint_url
    assert endpoint is not None
    with HttpFaults(endpoint) as queue:
        module_world.start("bridge", env={"SQS_ENDPOINT_URL": queue.url}, wait=False)
        module_world.start("classify", "sink", wait=False)
        contents = pictures(chelsea, coffee)
        yield Faulty(module_world, queue, contents[0][0], contents[2][0])
        module_world.stop()


async def uploads_on_the_topic(world: World) -> Counter[bytes]:
    return Counter(message.value for message in await world.events("image-uploads"))


async def test_messages_that_come_twice_end_as_one_row_each(faulty: Faulty) -> None:
    world = faulty.world
    faulty.queue.behave(Twice())
    world.eventually(faulty.queue.has_settled)  # a poll that had begun is still answered honestly
    keys = [f"uploads/ann/twice {n}.jpg" for n in range(20)]
    for key in keys:
        world.put(key, faulty.cat)
    while sum((await uploads_on_the_topic(world)).values()) < 2 * len(keys):  # bounded by the test's own time-out
        await asyncio.sleep(0.1)
    assert set((await uploads_on_the_topic(world)).values()) == {2}
    faulty.queue.mend()
    outcomes = world.wait_outcomes(*keys)
    assert {key: outcomes[key] for key in keys} == dict.fromkeys(keys, "cat")
    assert len(world.rows("SELECT 1 FROM image_outcomes WHERE source_key LIKE '%%twice%%'")) == len(keys)
    world.eventually(lambda: world.left_in_queue() == 0)
    assert await world.events("image-rejections") == []


async def test_messages_out_of_order_end_as_the_newest_upload(faulty: Faulty) -> None:
    world = faulty.world
    keys = [f"uploads/ann/shuffled {n}.jpg" for n in range(20)]
    faulty.queue.behave(OutOfOrder(random.Random(1)))
    newest: dict[str, str] = {}
    met = faulty.queue.misbehaved
    for data in (faulty.dog_like, faulty.cat):
        for key in keys:
            answer = world.stack.objects.s3.put_object(Bucket=world.bucket, Key=key, Body=data)
            newest[key] = answer["VersionId"]
    world.wait_outcomes(*keys)
    faulty.queue.mend()
    world.eventually(lambda: {world.outcomes()[key] for key in keys} == {"cat"})
    world.eventually(lambda: world.left_in_queue() == 0)
    stored = {r["source_key"]: r["source_version_id"] for r in world.rows("SELECT * FROM classification_records")}
    assert {key: stored[key] for key in keys} == newest
    assert faulty.queue.misbehaved > met


async def test_deletions_that_fail_in_part_are_tried_again_before_the_messages_come_again(faulty: Faulty) -> None:
    world = faulty.world
    faulty.queue.behave(PartlyFails(times=2))
    world.eventually(faulty.queue.has_settled)  # a poll that had begun is still answered honestly
    keys = [f"uploads/ann/partly {n}.jpg" for n in range(20)]
    for key in keys:
        world.put(key, faulty.cat)
    world.wait_outcomes(*keys)
    world.eventually(lambda: world.left_in_queue() == 0)
    faulty.queue.mend()
    found = [value for value in (await uploads_on_the_topic(world)).elements() if b"partly" in value]
    assert len(found) == len(set(found)) == len(keys)  # none was taken from the queue a second time


async def test_a_queue_that_answers_errors_is_waited_for(faulty: Faulty) -> None:
    world, bridge = faulty.world, next(worker for worker in faulty.world.workers if worker.role == "bridge")
    faulty.queue.behave(Answers(503, "ServiceUnavailable"))
    keys = [f"uploads/ann/late {n}.jpg" for n in range(10)]
    for key in keys:
        world.put(key, faulty.cat)
    world.eventually(lambda: (bridge.health() or {}).get("status") == "degraded")
    faulty.queue.mend()
    outcomes = world.wait_outcomes(*keys)
    assert {key: outcomes[key] for key in keys} == dict.fromkeys(keys, "cat")
    world.eventually(lambda: (bridge.health() or {}).get("status") == "ok")
