"""Nobody waits because of somebody else's objects, and every one of these ends with its reason."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.chaos.plan import pictures
from tests.http_faults import Answers, Ask, Behaviour, Honest, HttpFaults, Message
from tests.world import World, metric


@pytest.fixture(scope="module")
def cat(chelsea: bytes, coffee: bytes) -> bytes:
    return pictures(chelsea, coffee)[0][0]


@dataclass(frozen=True, slots=True)
class Only:
    """One behaviour for requests whose path has this in it; the others are answered honestly."""

    part: str
    behaviour: Behaviour

    async def exchange(self, request: Message, ask: Ask, client: asyncio.StreamWriter) -> None:
        """See Behaviour."""
        chosen = self.behaviour if self.part.encode() in request.head.partition(b"\r\n")[0] else Honest()
        await chosen.exchange(request, ask, client)


def waited(world: World, keys: list[str]) -> float:
    """The longest time from upload to result of these, in seconds."""
    (row,) = world.rows(
        "SELECT max(extract(epoch FROM created_at - timestamp))::float AS longest FROM classification_records "
        "WHERE source_key = ANY(%s)",
        keys,
    )
    return float(row["longest"])


async def test_a_folder_that_is_deleted_before_it_is_read_holds_up_nobody(world: World, cat: bytes) -> None:
    world.start("bridge", "classify", "sink")
    deleted = [f"uploads/ann/{number}.jpg" for number in range(500)]
    await world.publish(*(world.notification(key) for key in deleted))  # objects that are not there any more
    others = [f"uploads/ben/{number}.jpg" for number in range(30)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda key: world.put(key, cat), others))
    outcomes = world.wait_outcomes(*others)
    assert {outcomes[key] for key in others} == {"cat"}
    assert waited(world, others) < 10
    outcomes = world.wait_outcomes(*deleted)
    assert {outcomes[key] for key in deleted} == {"missing"}


def test_objects_that_the_store_never_gives_hold_up_nobody(world: World, cat: bytes) -> None:
    with HttpFaults(world.stack.objects.endpoint_url or "") as store:
        _, classifier, _ = world.start(
            "bridge", "classify", "sink", env={"S3_ENDPOINT_URL": store.url, "RETRY_MAX_HOURS": "0.003"}
        )
        store.behave(Only("refused", Answers(400, "InvalidRequest")))
        refused = [f"uploads/ann/refused-{number}.jpg" for number in range(16)]
        for key in refused:
            world.put(key, cat)
        others = [f"uploads/ben/{number}.jpg" for number in range(10)]
        for key in others:
            world.put(key, cat)
        world.wait_outcomes(*others)
        assert waited(world, others) < 10
        outcomes = world.wait_outcomes(*refused)
        assert {outcomes[key] for key in refused} == {"unavailable"}
        assert metric(classifier, 'petstream_degraded{component="object_store"}') == 0


async def test_an_object_that_comes_later_than_its_event_gets_its_label(world: World, cat: bytes) -> None:
    _, classifier = world.start("sink", "classify")
    await world.publish(world.notification("uploads/ann/late.jpg"))
    parked = 'petstream_uploads_parked_total{reason="missing",topic="image-uploads-retry-1m"}'
    world.eventually(lambda: metric(classifier, parked) == 1)
    world.put("uploads/ann/late.jpg", cat)
    assert world.wait_outcomes("uploads/ann/late.jpg") == {"uploads/ann/late.jpg": "cat"}
    assert set((await world.committed("petstream-classifier", "image-uploads")).values()) == {0, 1}


def test_what_waits_for_its_next_attempt_survives_a_kill(world: World, cat: bytes) -> None:
    with HttpFaults(world.stack.objects.endpoint_url or "") as store:
        env = {"S3_ENDPOINT_URL": store.url, "RETRY_DELAYS": "4,5,6"}
        _, _, classifier = world.start("bridge", "sink", "classify", env=env)
        store.behave(Only("refused", Answers(400, "InvalidRequest")))
        keys = [f"uploads/ann/refused-{number}.jpg" for number in range(8)]
        for key in keys:
            world.put(key, cat)
        world.eventually(lambda: world.left_in_queue() == 0)
        world.eventually(lambda: metric(classifier, "petstream_events_in_flight") == 0)
        classifier.process.kill()
        store.behave(Honest())
        world.start("classify", env=env)
        outcomes = world.wait_outcomes(*keys)
        assert {outcomes[key] for key in keys} == {"cat"}
