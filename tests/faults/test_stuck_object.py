"""One object that the store never serves, and many messages behind it on its partition: they pass, in little memory."""

import asyncio
import json
import logging
import time
from dataclasses import dataclass

import pytest
from aiokafka import AIOKafkaProducer

from tests.faults.accounts import small, upload
from tests.fuzz.memory import resident_bytes
from tests.http_faults import Answers, Ask, Honest, HttpFaults, Message, Silent
from tests.world import World, metric

log = logging.getLogger(__name__)

LARGEST_GROWTH_BYTES = 48 * 1024 * 1024
"""What clients read ahead, and the deliveries that may be unacknowledged. A settled one that is kept weighs 1.5 kB."""


async def publish_behind(world: World, first: bytes, number: int) -> None:
    """``first``, then so many events that are skipped, all on one partition."""
    event = json.loads(world.notification("uploads/ann/deleted.jpg"))
    event["Records"][0]["eventName"] = "ObjectRemoved:Delete"
    skipped = json.dumps(event).encode()
    topic = f"{world.prefix}image-uploads"
    async with AIOKafkaProducer(bootstrap_servers=world.stack.kafka.bootstrap_servers) as producer:
        for start in range(0, number, 5_000):
            some = [first] * (start == 0) + [skipped] * min(5_000, number - start)
            await asyncio.gather(*[await producer.send(topic, each, partition=0) for each in some])


@pytest.mark.parametrize("number", [6_000, pytest.param(60_000, marks=pytest.mark.slow)])
async def test_messages_behind_an_object_that_is_never_served_pass_in_little_memory(world: World, number: int) -> None:
    with HttpFaults(str(world.stack.objects.endpoint_url)) as store:
        store.always("stuck", Silent())
        (worker,) = world.start("classify", env={"S3_ENDPOINT_URL": store.url, "RETRY_DELAYS": "600,600,600"})
        await publish_behind(world, b"not JSON", 500)  # warm
        stuck = 'petstream_uploads_parked_total{reason="unavailable",topic="image-uploads-retry-1m"}'
        before = await wait_committed(world, 501)
        began, weighed = time.monotonic(), resident_bytes(worker.process.pid)
        await publish_behind(world, world.notification("uploads/ann/stuck-too.jpg"), number)
        heaviest = weighed
        progress = []
        while (committed := (await world.committed("petstream-classifier", "image-uploads"))[0]) < before + number + 1:
            heaviest = max(heaviest, resident_bytes(worker.process.pid))
            progress.append((round(time.monotonic() - began, 1), committed))
            assert time.monotonic() - began < 360, progress[-5:]
            await asyncio.sleep(0.5)
        log.info("committed of %d after seconds: %s", before + number + 1, progress[:: max(1, len(progress) // 12)])
        log.info("resident: %.1f MiB before, %.1f MiB at most", weighed / 2**20, heaviest / 2**20)
        assert heaviest - weighed < LARGEST_GROWTH_BYTES
        assert metric(worker, stuck) == 1
        world.stop()


@dataclass(frozen=True, slots=True)
class Only:
    """One answer for requests whose path has this in it."""

    part: bytes
    answer: Answers

    async def exchange(self, request: Message, ask: Ask, client: asyncio.StreamWriter) -> None:
        """See Behaviour."""
        chosen = self.answer if self.part in request.head.partition(b"\r\n")[0] else Honest()
        await chosen.exchange(request, ask, client)


async def test_objects_of_one_user_that_fill_all_places_do_not_pass_for_an_outage(world: World, chelsea: bytes) -> None:
    """The store answers 503 for all of them, for longer than an outage takes to be seen, and nothing else is read."""
    with HttpFaults(str(world.stack.objects.endpoint_url)) as store:
        store.behave(Only(b"/dead-", Answers(503, "SlowDown")))
        world.start("sink", wait=False)
        env = {"S3_ENDPOINT_URL": store.url, "IN_FLIGHT_MAX_IMAGES": "8", "RETRY_DELAYS": "600,600,600"}
        world.start("classify", env=env)
        dead = [f"uploads/eve/dead-{number}.jpg" for number in range(80)]
        others = upload(world, 4, small(chelsea), "other")
        await world.publish(*map(world.notification, dead))
        await world.publish(*map(world.notification, others))
        outcomes = world.wait_outcomes(*others)
        assert {outcomes[key] for key in others} == {"cat"}
        world.stop()


async def test_messages_about_a_bucket_that_is_gone_and_fill_all_places_stop_nobody(
    world: World, chelsea: bytes
) -> None:
    """Nothing was read before, so that a probe has nothing else to ask for."""
    world.start("sink", wait=False)
    world.start("classify", env={"IN_FLIGHT_MAX_IMAGES": "8", "RETRY_DELAYS": "600,600,600"})
    gone = [world.notification(f"uploads/eve/{number}.jpg") for number in range(80)]
    others = upload(world, 4, small(chelsea), "other")
    await world.publish(*(message.replace(world.bucket.encode(), b"gone") for message in gone))
    await world.publish(*map(world.notification, others))
    outcomes = world.wait_outcomes(*others)
    assert {outcomes[key] for key in others} == {"cat"}
    world.stop()


async def wait_committed(world: World, offset: int) -> int:
    """The offset that is committed on the first partition, once it is this one."""
    async with asyncio.timeout(60):
        while (committed := (await world.committed("petstream-classifier", "image-uploads"))[0]) < offset:
            await asyncio.sleep(0.2)
    return committed
