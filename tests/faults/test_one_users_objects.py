"""Nobody waits because of somebody else's objects, and every one of these ends with its reason."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from deploy.local.pipeline import Worker
from tests.chaos.plan import pictures
from tests.http_faults import Answers, Ask, Behaviour, Honest, HttpFaults, Message
from tests.world import World, metric

LONGEST_SECONDS = 10.0 + 20.0
"""What nobody may have to wait longer for somebody else's message, and what a busy machine adds."""


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


@pytest.fixture(scope="module")
def store(module_world: World) -> Iterator[HttpFaults]:
    with HttpFaults(str(module_world.stack.objects.endpoint_url)) as proxy:
        yield proxy
        module_world.stop()


@pytest.fixture(scope="module")
def patient(module_world: World, store: HttpFaults) -> Worker:
    """A classifier that tries nothing again while these tests run, however slow the machine is."""
    module_world.start("bridge", "sink", wait=False)
    (worker,) = module_world.start("classify", env={"S3_ENDPOINT_URL": store.url, "RETRY_DELAYS": "600,600,600"})
    return worker


@pytest.fixture(scope="module")
def env(store: HttpFaults) -> dict[str, str]:
    """Two attempts within seconds, and a window that ends soon."""
    return {"S3_ENDPOINT_URL": store.url, "RETRY_DELAYS": "4,5,6", "RETRY_MAX_HOURS": "0.002"}


@pytest.fixture(scope="module")
def classifier(module_world: World, env: dict[str, str], patient: Worker) -> Worker:
    """The next one, to which what is parked is due."""
    assert patient.process.stop(60) == 0
    (worker,) = module_world.start("classify", env=env)
    return worker


def parked(classifier: Worker, reason: str) -> float:
    return metric(classifier, f'petstream_uploads_parked_total{{reason="{reason}",topic="image-uploads-retry-1m"}}')


DELETED = [f"uploads/ann/deleted-{number}.jpg" for number in range(300)]
REFUSED = [f"uploads/ann/refused-{number}.jpg" for number in range(16)]


async def test_a_folder_that_is_deleted_before_it_is_read_holds_up_nobody(
    module_world: World, patient: Worker, cat: bytes
) -> None:
    world = module_world
    await world.publish(*map(world.notification, DELETED))  # objects that are not there any more
    others = [f"uploads/ben/{number}.jpg" for number in range(30)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda key: world.put(key, cat), others))
    assert world.wait_outcomes(*others) == dict.fromkeys(others, "cat")
    world.eventually(lambda: parked(patient, "missing") == len(DELETED))


def test_objects_that_the_store_never_gives_hold_up_nobody(
    module_world: World, patient: Worker, store: HttpFaults, cat: bytes
) -> None:
    store.always("refused", Answers(400, "InvalidRequest"))
    others = [f"uploads/ben/beside-{number}.jpg" for number in range(10)]
    for key in (*REFUSED, *others):
        module_world.put(key, cat)
    outcomes = module_world.wait_outcomes(*others)
    assert {outcomes[key] for key in others} == {"cat"}
    module_world.eventually(lambda: parked(patient, "unavailable") == len(REFUSED))
    assert not module_world.outcomes().keys() & {*DELETED, *REFUSED}
    assert metric(patient, 'petstream_degraded{component="object_store"}') == 0


def test_what_held_up_nobody_ends_with_its_reason(module_world: World, classifier: Worker) -> None:
    outcomes = module_world.wait_outcomes(*DELETED, *REFUSED)
    assert {outcomes[key] for key in DELETED} == {"missing"}
    assert {outcomes[key] for key in REFUSED} == {"unavailable"}
    assert metric(classifier, 'petstream_degraded{component="object_store"}') == 0


async def test_an_object_that_comes_later_than_its_event_gets_its_label(
    module_world: World, classifier: Worker, cat: bytes
) -> None:
    before = parked(classifier, "missing")
    await module_world.publish(module_world.notification("uploads/ann/late.jpg"))
    module_world.eventually(lambda: parked(classifier, "missing") == before + 1)
    module_world.put("uploads/ann/late.jpg", cat)
    assert module_world.wait_outcomes("uploads/ann/late.jpg")["uploads/ann/late.jpg"] == "cat"


async def test_one_message_with_a_hundred_thousand_records_holds_up_nobody_and_is_told_once(
    module_world: World, classifier: Worker, cat: bytes
) -> None:
    world = module_world
    before = len(await world.events("image-rejections"))
    await world.publish(b'{"Records":[' + b",".join([b"{}"] * 100_000) + b"]}")
    others = [f"uploads/ben/behind-{number}.jpg" for number in range(6)]
    for key in others:
        world.put(key, cat)
    began = time.monotonic()
    world.wait_outcomes(*others)
    assert time.monotonic() - began < LONGEST_SECONDS
    world.eventually(lambda: world.rows("SELECT 1 FROM image_rejections WHERE reason = 'malformed_event'"))
    (told,) = (await world.events("image-rejections"))[before:]
    assert len(told.value) < 2000
    assert classifier.process.is_running


def test_what_waits_for_its_next_attempt_survives_a_kill(
    module_world: World, classifier: Worker, env: dict[str, str], store: HttpFaults, cat: bytes
) -> None:
    store.behave(Only("killed", Answers(400, "InvalidRequest")))
    before = parked(classifier, "unavailable")
    keys = [f"uploads/ann/killed-{number}.jpg" for number in range(8)]
    for key in keys:
        module_world.put(key, cat)
    module_world.eventually(lambda: parked(classifier, "unavailable") == before + len(keys))
    classifier.process.kill()
    store.mend()
    module_world.start("classify", env=env)
    outcomes = module_world.wait_outcomes(*keys)
    assert {outcomes[key] for key in keys} == {"cat"}
